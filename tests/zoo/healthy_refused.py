"""A client that tries again and again where nobody listens yet, and is refused at once."""
import socket
import time

from zoo import ready

for number in range(1 << 30):
    with socket.socket() as sock:
        sock.connect_ex(("127.0.0.1", 9))
    time.sleep(0.05)
    if number == 5:
        ready(None)
