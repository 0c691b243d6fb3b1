"""A client's pool of eight idle connections that the server keeps open."""
import threading

from zoo import connect, ready, serve

_, address = serve(lambda sock: sock.send(b"welcome"))
pool = [connect(address) for _ in range(8)]
for sock in pool:
    sock.recv(64)
ready(None)
threading.Event().wait()
