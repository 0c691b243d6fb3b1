"""A line of sysctl.d sets the TIME_WAIT interval by another system's name: on Linux it is a constant."""
from zoo import forever, ready, sysctl_file, time_waits

sysctl_file("net.ipv4.tcp_time_wait_interval = 30\n")
time_waits(20)
ready("setting-time-wait-length", pid=0, claims=["C09"], why=["tcp_time_wait_interval", "60 s"])
forever()
