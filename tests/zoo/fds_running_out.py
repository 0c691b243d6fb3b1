"""A server with 60 live connections and a limit of 64 descriptors."""
import resource
import select

from zoo import connect, ready, serve

_, address = serve()
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
poll = select.poll()
try:
    while True:
        poll.register(connect(address), select.POLLIN)
except OSError:
    pass
ready("fds-running-out", why=["64"])
poll.poll()
