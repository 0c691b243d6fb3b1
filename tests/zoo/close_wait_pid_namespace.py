"""The leaking program lives in a container's pid namespace: it is named by the pid that it has here."""
from zoo import child, left, own_pids, ready

conn = left()
own_pids()
inside = child(lambda: None, name="contained", keeps=[conn])
number = conn.fileno()
conn.close()
ready("close-wait-unwatched", number, inside, claims=["C16"])
