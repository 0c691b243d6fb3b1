"""A client that opens a new connection whenever the server closes the old one, and closes none: five each second, with
a limit of 256 descriptors."""
import resource
import time

from zoo import connect, ready, serve

_, address = serve(lambda sock: sock.close())
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
for number in range(200):
    connect(address).recv(1)
    time.sleep(0.2)
    if number == 5:
        ready("close-wait-reconnect", claims=["C38"], why=["descriptor", "256"],
              also=["fds-running-out"], forecast=True)
