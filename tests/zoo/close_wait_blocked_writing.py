"""A server blocked in send(): its client said that it is done (FIN) and reads no more, without closing."""
import socket

from zoo import CLOSE_WAIT, guest, ready, state, until

conn = guest(lambda sock: sock.shutdown(socket.SHUT_WR))
until(lambda: state(conn) == CLOSE_WAIT)
ready("close-wait-blocked-writing", conn, claims=["C16"], why=["send|writ"],
      also=["zero-window-peer", "not-reading", "fin-wait-2-half-closed"])
conn.sendall(bytes(64 << 20))
