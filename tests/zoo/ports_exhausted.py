"""A client that opens and closes until its 100 local ports are all in TIME_WAIT."""
import errno
import socket

from zoo import Host, forever, ready, serve, sysctl

_, address = serve(lambda sock: (sock.recv(1), sock.close()), host=Host())
sysctl("net.ipv4.ip_local_port_range", "40000 40099")
while True:
    sock = socket.socket()
    if error := sock.connect_ex(address):
        break
    sock.shutdown(socket.SHUT_WR)
    sock.recv(1)
    sock.close()
assert error == errno.EADDRNOTAVAIL
ready("ports-exhausted", pid=0, claims=["C35"], why=["port", "100", "TIME_WAIT"], also=["time-wait-many"])
forever()
