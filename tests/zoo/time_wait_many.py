"""A client with 1,200 connections in TIME_WAIT: many, and harmless."""
from zoo import forever, ready, time_waits

time_waits(1200)
ready("time-wait-many", pid=0, why=["1200|1,200"])
forever()
