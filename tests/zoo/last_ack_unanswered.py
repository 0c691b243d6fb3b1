"""The peer closed and then vanished with its host; the server closes, and its FIN is never acknowledged."""
from zoo import Host, forever, left, ready

host = Host()
conn = left(host=host)
host.cut()
conn.close()
ready("last-ack-unanswered", pid=0, settle=3.2)
forever()
