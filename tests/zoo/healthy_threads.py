"""A thread for each of 20 live connections, all in recv; some clients come and go."""
import socket
import threading
import time

from zoo import child, listen, ready, visit

listener = listen()
address = listener.getsockname()


def work(conn):
    with conn:
        while data := conn.recv(64):
            conn.sendall(data)


def come_and_go():
    while True:
        with socket.create_connection(address) as sock:
            sock.send(b"hello")
            sock.recv(64)
        time.sleep(0.05)


visit(listener, lambda sock: (sock.send(b"hello"), sock.recv(64)), count=20)
child(come_and_go)
for number in range(1 << 30):
    conn, _ = listener.accept()
    threading.Thread(target=work, args=[conn], daemon=True).start()
    del conn
    if number == 30:
        ready(None)
