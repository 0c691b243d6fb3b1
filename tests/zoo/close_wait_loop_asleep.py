"""A level-triggered loop whose handler sleeps: the event is pending, nobody asks for it."""
import select

from zoo import forever, left, ready

conn = left()
epoll = select.epoll()
epoll.register(conn, select.EPOLLIN | select.EPOLLRDHUP)
epoll.poll()
ready("close-wait-busy", conn, claims=["C16"], why=["nanosleep"])
forever()
