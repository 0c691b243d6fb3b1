"""A request to a server whose link has just gone down: it is sent again and again."""
from zoo import Host, connect, ready, serve

host = Host()
_, address = serve(host=host)
conn = connect(address)
host.cut()
conn.send(b"GET")
ready("retransmitting", conn, settle=3.2)
conn.recv(1)
