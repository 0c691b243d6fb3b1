"""Keepalive is on, and the peer lives in FIN_WAIT_2: it answers every probe, and nothing changes."""
import socket

from zoo import CLOSE_WAIT, forever, guest, ready, state, until

conn = guest(lambda sock: (sock.shutdown(socket.SHUT_WR), sock.recv(1)))
conn.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
for option, value in ((socket.TCP_KEEPIDLE, 1), (socket.TCP_KEEPINTVL, 1), (socket.TCP_KEEPCNT, 2)):
    conn.setsockopt(socket.IPPROTO_TCP, option, value)
until(lambda: state(conn) == CLOSE_WAIT)
ready("close-wait-unwatched", conn, claims=["C13"], why=["keepalive"], also=["setting-keepalive"])
forever()
