"""A server too busy to accept: its clients came, waited and left."""
import time

from zoo import listen, ready, visit

listener = listen()
visit(listener, lambda sock: sock.close(), count=3)
time.sleep(0.5)
ready("close-wait-not-accepted", listener, claims=["C16"], why=["accept"], also=["accept-slow"])
