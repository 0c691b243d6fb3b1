"""A server that closes while its client, asleep, reads nothing: the window is zero and the FIN cannot leave."""
from zoo import Host, fill, forever, guest, ready

conn = guest(lambda sock: None, host=Host())
fill(conn)
conn.close()
ready("closing-blocked", pid=0, why=["window"])
forever()
