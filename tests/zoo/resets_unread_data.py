"""A server that closes while its clients' data lie unread: what it sent is lost with the reset."""
import time

from zoo import forever, listen, ready, visit

listener = listen()
visit(listener, lambda sock: sock.send(b"hello"), count=20)
conns = [listener.accept()[0] for _ in range(20)]
time.sleep(0.5)
for conn in conns:
    conn.close()
ready("resets-unread-data", pid=0, claims=["C22"], why=["20"], args=["--many", "100"])
forever()
