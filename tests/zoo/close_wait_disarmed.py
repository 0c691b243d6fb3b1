"""A one-shot registration fires with the data and is never armed again; end of file comes later."""
import select
import time

from zoo import CLOSE_WAIT, guest, ready, state, until


def script(sock):
    sock.send(b"hello")
    time.sleep(0.3)
    sock.close()


conn = guest(script)
epoll = select.epoll()
epoll.register(conn, select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLONESHOT)
epoll.poll()
conn.recv(64)
until(lambda: state(conn) == CLOSE_WAIT)
ready("close-wait-disarmed", conn, claims=["C16"], why=["ONESHOT|one-shot|oneshot|one shot"])
epoll.poll()
