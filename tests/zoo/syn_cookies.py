"""SYNs from nowhere overflow a small SYN queue: cookies take over."""
import time

from zoo import Host, forever, listen, ready, syns

host = Host()
listener = listen(host.near, backlog=2)
syns(host, listener, 12)
time.sleep(0.3)
ready("syn-cookies", listener, claims=["C30"], why=["cookie"], also=["syn-received-unanswered", "syn-queue-full"])
forever()
