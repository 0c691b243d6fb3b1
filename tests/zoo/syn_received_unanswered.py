"""Three clients whose third segment never comes: each stays in SYN_RCVD until the SYN+ACKs are used up."""
import time

from zoo import Host, forever, listen, ready, syns

host = Host()
listener = listen(host.near)
syns(host, listener, 3)
time.sleep(0.3)
ready("syn-received-unanswered", listener, claims=["C40"], settle=3.5)
forever()
