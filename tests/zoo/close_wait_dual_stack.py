"""A listener for IPv6 that takes IPv4 clients too leaks one of them: its address is ::ffff:127.0.0.1."""
from zoo import forever, left, listen, ready

conn = left(b"hello", listener=listen("::"), to="127.0.0.1")
ready("close-wait-unwatched", conn, claims=["C16"], why=["127.0.0.1"])
forever()
