"""Both ends are on this host: a client that sent its request and FIN waits rightly in FIN_WAIT_2 for an answer; the
server that never gives one is at fault."""
import socket

from zoo import CLOSE_WAIT, forever, guest, ready, state, until

conn = guest(lambda sock: (sock.send(b"GET"), sock.shutdown(socket.SHUT_WR), sock.recv(1)))
until(lambda: state(conn) == CLOSE_WAIT)
ready("close-wait-unwatched", conn, claims=["C14", "C16"], why=["FIN_WAIT_2", "visitor"])
forever()
