"""A client closes a connection to a host that has gone: nobody acknowledges its FIN."""
from zoo import Host, connect, forever, ready, serve

host = Host()
_, address = serve(host=host)
conn = connect(address)
host.cut()
conn.close()
ready("fin-wait-1-unanswered", pid=0, settle=3.2)
forever()
