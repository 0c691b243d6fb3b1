"""A leak seen by somebody who may not look at the program that holds it: it says so, and accuses nobody."""
from zoo import forever, left, ready

conn = left()
ready("close-wait-unseen", pid=0, claims=["C41"], why=["root|CAP_SYS_PTRACE"], user=65534)
forever()
