"""A client that holds 92 of 100 local ports to one server."""
from zoo import connect, forever, ready, serve, sysctl

_, address = serve()
sysctl("net.ipv4.ip_local_port_range", "40000 40099")
conns = [connect(address) for _ in range(92)]
ready("ports-running-out", claims=["C35"], why=["port", "100"])
forever()
