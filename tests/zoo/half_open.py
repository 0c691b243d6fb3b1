"""The peer, a program on this host, ended without a word (as by a restored snapshot): one half of a connection."""
from zoo import guest, ready, vanish

conn = guest(vanish)
ready("half-open", conn, claims=["C43"])
conn.recv(1)
