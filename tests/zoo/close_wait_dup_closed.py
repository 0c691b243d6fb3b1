"""The descriptor that was registered is a closed number: the program went on with a duplicate. The registration lives,
edge-triggered, and its edge was ignored."""
import os
import select
import socket

from zoo import left, ready

conn = left()
number = conn.fileno()
epoll = select.epoll()
epoll.register(conn, select.EPOLLIN | select.EPOLLET)
twin = os.dup(number)
conn.close()
epoll.poll()
ready("close-wait-edge-lost", twin, claims=["C16"], why=["edge"])
epoll.poll()
