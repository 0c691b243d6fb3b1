"""A server that forks for each connection and closes its copy, as it should."""
import os
import signal
import socket
import time

from zoo import child, listen, ready, visit

signal.signal(signal.SIGCHLD, signal.SIG_IGN)
listener = listen()
address = listener.getsockname()


def come_and_go():
    while True:
        with socket.create_connection(address) as sock:
            sock.send(b"hello")
            sock.recv(64)
        time.sleep(0.1)


def work(conn):
    while data := conn.recv(64):
        conn.sendall(data)
    os._exit(0)


visit(listener, lambda sock: (sock.send(b"hello"), sock.recv(64)), count=5)
child(come_and_go)
for number in range(1 << 30):
    conn, _ = listener.accept()
    child(lambda: work(conn), name="worker", keeps=[conn])
    conn.close()
    if number == 10:
        ready(None)
