"""A helper program inherited the connection; the server read end of file and closed, the helper knows nothing of it."""
from zoo import child, left, ready

conn = left()
number = conn.fileno()
helper = child(lambda: None, name="helper", keeps=[conn])
conn.recv(1)
conn.close()
ready("close-wait-unwatched|close-wait-held-by-child", number, helper, claims=["C27"])
