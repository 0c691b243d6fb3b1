"""A process that was stopped (SIGSTOP, a debugger, Ctrl-Z) while its loop waited for the connection."""
import os
import select
import signal

from zoo import left, ready

conn = left()
epoll = select.epoll()
epoll.register(conn, select.EPOLLIN | select.EPOLLRDHUP)
ready("close-wait-stopped", conn, claims=["C16"], why=["stopped", "SIGCONT|-CONT"])
os.kill(os.getpid(), signal.SIGSTOP)
