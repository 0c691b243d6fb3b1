"""Parent and child hold the connection: the child read end of file and closed nothing, the parent forgot its copy."""
import os

from zoo import child, left, listen, ready

listener = listen()
conn = left(listener=listener)
worker = child(lambda: conn.recv(1), name="worker", keeps=[conn])
ready("close-wait-held-by-child", conn, [os.getpid(), worker], claims=["C27"], why=[os.getpid(), worker])
listener.accept()
