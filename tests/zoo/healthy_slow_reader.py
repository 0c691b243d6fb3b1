"""A reader slower than its sender: the window is zero most of the time, and data move all the same."""
import time

from zoo import guest, ready


def read_slowly(sock):
    while sock.recv(65536):
        time.sleep(0.1)


conn = guest(read_slowly)
ready(None)
while True:
    conn.send(bytes(65536))
