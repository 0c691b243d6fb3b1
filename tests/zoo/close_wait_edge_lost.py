"""An edge-triggered loop reads the data of an event but not up to EAGAIN: end of file was in the same event, and no
other comes."""
import select

from zoo import left, ready

conn = left(b"hello, you")
epoll = select.epoll()
epoll.register(conn, select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET)
epoll.poll()
assert len(conn.recv(64)) == 10
ready("close-wait-edge-lost", conn, claims=["C16"], why=["edge"])
epoll.poll()
