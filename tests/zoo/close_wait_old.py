"""A connection in CLOSE_WAIT for longer than the keepalive time, which it does not use: no timer ends it."""
from zoo import forever, left, ready, sysctl

for name, value in (("time", 1), ("intvl", 1), ("probes", 1)):
    sysctl("net.ipv4.tcp_keepalive_" + name, value)
conn = left()
ready("close-wait-unwatched", conn, claims=["C12"], why=["no timer|never ends"], also=["setting-keepalive"])
forever()
