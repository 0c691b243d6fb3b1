"""Both sides close at the same moment, and then the peer hears nothing more: CLOSING."""
import socket
import time

from zoo import CLOSING, Host, forever, guest, ready, state, until

host = Host()
conn = guest(lambda sock: (sock.recv(1), time.sleep(0.3), sock.close()), host=host)
conn.send(b"x")
time.sleep(0.1)
host.cut()
conn.shutdown(socket.SHUT_WR)
until(lambda: state(conn) == CLOSING)
ready("closing-unanswered", conn, settle=3.2)
forever()
