"""A server that forks for each connection and forgets to close its own copy; the child does everything right."""
import os

from zoo import child, left, listen, ready

listener = listen()
conn = left(listener=listener)


def serve_one():
    while conn.recv(64):
        pass
    conn.close()
    os._exit(0)


os.waitpid(child(serve_one, name="worker", keeps=[conn]), 0)
ready("close-wait-unwatched", conn, claims=["C27"])
listener.accept()
