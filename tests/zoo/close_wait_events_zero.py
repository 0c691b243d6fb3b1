"""A loop that paused reading by asking for no events, and never resumed."""
import select

from zoo import left, ready

conn = left()
epoll = select.epoll()
epoll.register(conn, 0)
ready("close-wait-no-read-interest", conn, claims=["C16"], why=["epoll"])
epoll.poll()
