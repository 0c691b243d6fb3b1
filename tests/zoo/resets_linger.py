"""A server that sets SO_LINGER to {1, 0} and so ends each connection with a reset."""
import socket
import struct

from zoo import forever, listen, ready, visit

listener = listen()
visit(listener, count=20)
for _ in range(20):
    conn, _ = listener.accept()
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    conn.close()
ready("resets-linger", pid=0, claims=["C20"], why=["20", "linger"], args=["--many", "100"])
forever()
