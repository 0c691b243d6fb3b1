"""A program that sleeps while a client on another host sends: the data lie unread in its queue."""
from zoo import Host, fill, forever, guest, ready

conn = guest(fill, host=Host())
ready("not-reading", conn, why=["unread|not read|does not read"], args=["--settle", "0.4"], settle=2.5)
forever()
