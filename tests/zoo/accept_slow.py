"""A server that does not come to accept: three clients wait in a queue with room for many."""
from zoo import Host, forever, listen, ready, visit

host = Host()
listener = listen(host.near)
visit(listener, count=3, host=host)
ready("accept-slow", listener, why=["accept", "3|three"], settle=3.5)
forever()
