"""A client that opens a new connection ten times a second and closes each when the server does."""
import socket
import time

from zoo import ready, serve

_, address = serve(lambda sock: sock.close())
for number in range(1 << 30):
    with socket.create_connection(address) as sock:
        sock.recv(1)
    time.sleep(0.1)
    if number == 5:
        ready(None)
