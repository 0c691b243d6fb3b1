"""SYNs from nowhere fill a small SYN queue, and cookies are off: real clients are dropped."""
import time

from zoo import Host, forever, listen, ready, syns, sysctl

sysctl("net.ipv4.tcp_syncookies", 0)
sysctl("net.ipv4.tcp_max_syn_backlog", 4)
host = Host()
listener = listen(host.near, backlog=4)
syns(host, listener, 12)
time.sleep(0.3)
ready("syn-queue-full", listener, pid=None, also=["syn-received-unanswered"])
forever()
