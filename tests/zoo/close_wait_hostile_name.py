"""A leaking program whose name is made to fool terminals and documents."""
from zoo import forever, left, ready, rename

conn = left()
rename(b'\x1b[2J"}]\\\xff\n')
ready("close-wait-unwatched", conn, claims=["C16"])
forever()
