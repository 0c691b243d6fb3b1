"""A server that stopped accepting: its queue of four is full, and further clients are turned away without a word."""
import errno
import socket
import time

from zoo import Host, child, forever, listen, ready

host = Host()
listener = listen(host.near, backlog=4)


def knock():
    for _ in range(10):
        sock = socket.socket()
        sock.setblocking(False)
        assert sock.connect_ex(listener_name) == errno.EINPROGRESS
        knocking.append(sock)


knocking, listener_name = [], listener.getsockname()
child(knock, host)
time.sleep(0.5)
ready("accept-queue-full", listener, why=["accept", "4|5|five|four"], also=["accept-slow"])
forever()
