"""A client that closed, and a server that does not: the kernel keeps what is left and ends it by itself."""
import time

from zoo import Host, connect, forever, ready, serve

_, address = serve(host=Host())
connect(address).close()
time.sleep(0.2)
ready("fin-wait-2-orphan", pid=0, claims=["C11"], why=["tcp_fin_timeout"])
forever()
