"""A connection handed to a worker over an AF_UNIX socket; the worker never takes the message."""
import socket

from zoo import child, left, ready

conn = left()
mine, theirs = socket.socketpair()
worker = child(mine.close, name="worker")
theirs.close()
socket.send_fds(mine, [b"x"], [conn.fileno()])
conn.close()
ready("close-wait-in-flight", pid=worker, claims=["C41"], why=["SCM_RIGHTS|message"])
