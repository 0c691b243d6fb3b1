"""A thread reads until end of file, returns without closing, and the program waits for something else."""
import threading

from zoo import left, ready

conn = left(b"hello, you")
while conn.recv(64):
    pass
ready("close-wait-unwatched", conn, claims=["C16"], why=["certain|cannot|may |may or may not|whether"])
lock = threading.Lock()
lock.acquire()
lock.acquire()  # futex
