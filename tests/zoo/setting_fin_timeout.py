"""tcp_fin_timeout was lowered to shorten TIME_WAIT, of which there are 300: it does not."""
from zoo import forever, ready, sysctl, time_waits

sysctl("net.ipv4.tcp_fin_timeout", 10)
time_waits(300)
ready("setting-fin-timeout", pid=0, claims=["C10"], why=["tcp_fin_timeout", "TIME_WAIT", "10"])
forever()
