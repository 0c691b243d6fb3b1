"""One program of three leaks a connection; the others, servers of the same client with 20 live connections each, are
innocent."""
from zoo import child, forever, left, listen, ready, visit


def innocent():
    listener = listen()
    visit(listener, count=20)
    conns = [listener.accept()[0] for _ in range(20)]
    conns[0].recv(1)


for _ in range(2):
    child(innocent, name="innocent")
conn = left()
ready("close-wait-unwatched", conn, claims=["C16"])
forever()
