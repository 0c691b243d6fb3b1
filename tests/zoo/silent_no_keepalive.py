"""A connection idle for long, without keepalive, to another host: should that have gone, nobody would notice."""
from zoo import Host, guest, ready

conn = guest(lambda sock: None, host=Host())
ready("silent-no-keepalive", conn, why=["keepalive"], args=["--idle", "2"], settle=3.5)
conn.recv(1)
