"""An edge-triggered loop gets the event of end of file and does nothing about it."""
import select

from zoo import left, ready

conn = left()
epoll = select.epoll()
epoll.register(conn, select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET)
epoll.poll()
ready("close-wait-edge-lost", conn, claims=["C16"], why=["edge", "not read|unread|never read|has not been read"])
epoll.poll()
