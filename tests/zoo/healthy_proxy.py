"""A proxy that passes on a half-close: its client sent FIN, so did it, and the answer comes back slowly."""
import socket
import time

from zoo import CLOSE_WAIT, connect, guest, ready, serve, state, until


def answer(sock):
    while sock.recv(64):
        pass
    for _ in range(600):
        sock.send(b"more of it\n")
        time.sleep(0.2)


def ask(sock):
    sock.send(b"GET")
    sock.shutdown(socket.SHUT_WR)
    while sock.recv(64):
        pass


_, address = serve(answer)
front = guest(ask)
back = connect(address)
while data := front.recv(64):
    back.send(data)
back.shutdown(socket.SHUT_WR)
until(lambda: state(front) == CLOSE_WAIT)
ready(None)
while data := back.recv(64):
    front.send(data)
