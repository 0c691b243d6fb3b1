"""Keepalive was set to half a minute to cure CLOSE_WAIT; a leaked connection does not even use it."""
from zoo import forever, left, ready, sysctl

for name, value in (("time", 30), ("intvl", 2), ("probes", 2)):
    sysctl("net.ipv4.tcp_keepalive_" + name, value)
conn = left()
ready("setting-keepalive", pid=0, claims=["C13"], why=["keepalive", "CLOSE_WAIT"], also=["close-wait-unwatched"])
forever()
