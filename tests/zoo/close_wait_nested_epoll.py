"""An epoll set inside another; the loop waits on the outer one. The inner event was taken and ignored."""
import select

from zoo import left, ready

conn = left()
inner, outer = select.epoll(), select.epoll()
inner.register(conn, select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET)
outer.register(inner, select.EPOLLIN)
outer.poll()
inner.poll()
ready("close-wait-edge-lost", conn, claims=["C16"], why=["edge"])
outer.poll()
