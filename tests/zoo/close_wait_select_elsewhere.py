"""A select() loop whose handler hangs in a blocking read of another descriptor: while it does, nobody watches."""
import os
import select

from zoo import left, ready

conn = left()
reader, writer = os.pipe()
other, _ = os.pipe()
os.write(writer, b"x")
assert reader in select.select([reader], [], [], 1)[0]
ready("close-wait-unwatched", conn, claims=["C16"], why=["read"])
os.read(other, 1)
