"""A client that sent its request and FIN; the server still sends its answer, slowly, as it may."""
import socket
import time

from zoo import CLOSE_WAIT, guest, ready, state, until


def script(sock):
    sock.shutdown(socket.SHUT_WR)
    while sock.recv(64):
        pass


conn = guest(script)
until(lambda: state(conn) == CLOSE_WAIT)
ready(None)
while conn.recv(64):
    pass
for _ in range(600):
    conn.send(b"more of it\n")
    time.sleep(0.2)
