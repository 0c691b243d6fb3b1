"""One client makes a server that closes nothing hold 200 connections in CLOSE_WAIT: one finding, not 200."""
from zoo import CLOSE_WAIT, forever, listen, ready, state, until, visit

listener = listen(backlog=256)
visit(listener, lambda sock: sock.close(), count=200)
conns = [listener.accept()[0] for _ in range(200)]
until(lambda: all(state(conn) == CLOSE_WAIT for conn in conns))
ready("close-wait-unwatched", [conn.fileno() for conn in conns], claims=["C15", "C16"], why=["200"], count=200)
forever()
