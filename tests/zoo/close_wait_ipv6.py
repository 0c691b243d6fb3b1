"""A leaked connection over IPv6."""
from zoo import forever, left, listen, ready

conn = left(listener=listen("::1"))
ready("close-wait-unwatched", conn, claims=["C16"], why=["[::1]:"])
forever()
