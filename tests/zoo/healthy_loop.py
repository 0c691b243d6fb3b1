"""A level-triggered loop that closes at end of file, with many clients that come and go and some that stay."""
import select
import socket
import time

from zoo import child, listen, ready, visit

listener = listen()
address = listener.getsockname()


def come_and_go():
    while True:
        with socket.create_connection(address) as sock:
            sock.send(b"hello")
        time.sleep(0.02)


visit(listener, count=10)
child(come_and_go)
epoll, conns = select.epoll(), {}
epoll.register(listener, select.EPOLLIN)
served = 0
while True:
    for number, _ in epoll.poll():
        if number == listener.fileno():
            conn, _ = listener.accept()
            conns[conn.fileno()] = conn
            epoll.register(conn, select.EPOLLIN)
        elif not conns[number].recv(64):
            epoll.unregister(number)
            conns.pop(number).close()
            served += 1
            if served == 20:
                ready(None)
