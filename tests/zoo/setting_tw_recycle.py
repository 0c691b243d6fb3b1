"""A line of sysctl.d still sets tcp_tw_recycle, which is gone since Linux 4.12."""
from zoo import forever, ready, sysctl_file, time_waits

sysctl_file("# Tuning.\nnet.ipv4.tcp_tw_recycle = 1\n")
time_waits(20)
ready("setting-tw-recycle", pid=0, claims=["C32"], why=["tcp_tw_recycle", "90-zoo.conf"])
forever()
