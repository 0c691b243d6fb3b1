"""A loop that waits for room to send, and for nothing else."""
import select

from zoo import left, ready

conn = left()
epoll = select.epoll()
epoll.register(conn, select.EPOLLOUT | select.EPOLLET)
epoll.poll()
ready("close-wait-no-read-interest", conn, claims=["C16"], why=["epoll"])
epoll.poll()
