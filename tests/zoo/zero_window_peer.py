"""A sender blocked for good: the program at the other end, on this host too, sleeps and reads nothing."""
import os

from zoo import listen, ready, visit

listener = listen()
reader = visit(listener)
conn, _ = listener.accept()
ready("zero-window-peer", pid=[reader, os.getpid()], why=[reader, "window"], also=["not-reading"])
conn.sendall(bytes(64 << 20))
