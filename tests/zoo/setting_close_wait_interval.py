"""A line of sysctl.d means to end CLOSE_WAIT by tcp_close_wait_interval, once Solaris' name of the TIME_WAIT
interval."""
from zoo import forever, left, ready, sysctl_file

sysctl_file("net.ipv4.tcp_close_wait_interval = 30000\n")
conn = left()
ready("setting-close-wait-interval", pid=0, claims=["C42"], why=["tcp_close_wait_interval", "TIME_WAIT"],
      also=["close-wait-unwatched"])
forever()
