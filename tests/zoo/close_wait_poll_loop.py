"""A busy loop of poll() with a short timeout over other descriptors: the leaked one is never among them."""
import select

from zoo import left, listen, ready

conn, poll = left(), select.poll()
poll.register(listen(), select.POLLIN)
ready("close-wait-unwatched", conn, claims=["C16"])
while True:
    poll.poll(20)
