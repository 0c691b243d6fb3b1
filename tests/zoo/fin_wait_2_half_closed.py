"""A client that half-closes and forgets the connection: with an owner, FIN_WAIT_2 never ends."""
import socket

from zoo import FIN_WAIT_2, Host, connect, forever, ready, serve, state, until

_, address = serve(host=Host())
conn = connect(address)
conn.shutdown(socket.SHUT_WR)
until(lambda: state(conn) == FIN_WAIT_2)
ready("fin-wait-2-half-closed", conn, claims=["C11"], why=["never|no timer|nothing ends"])
forever()
