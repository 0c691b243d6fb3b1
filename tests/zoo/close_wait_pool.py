"""A client's pool of eight idle connections, all closed by the server; nobody looks at them until the next request."""
import threading

from zoo import CLOSE_WAIT, connect, ready, serve, state, until

_, address = serve(lambda sock: (sock.recv(1), sock.close()))
pool = [connect(address) for _ in range(8)]
for sock in pool:
    sock.send(b"x")
until(lambda: all(state(sock) == CLOSE_WAIT for sock in pool))
ready("close-wait-pool", [sock.fileno() for sock in pool], claims=["C39"], why=["pool"], count=8)
threading.Event().wait()
