"""A program reads exactly the ten bytes it expects; the end of file behind them came in the same segment and is never
asked for. The kernel's queue is empty, as if end of file had been read."""
import os

from zoo import left, ready

conn = left(b"hello, you")
assert len(conn.recv(10)) == 10
ready("close-wait-unwatched", conn, claims=["C16"], why=["certain|cannot|may |may or may not|whether"])
reader, _ = os.pipe()
os.read(reader, 1)
