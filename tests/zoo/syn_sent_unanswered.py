"""A client of an address where nobody is: its SYNs are not answered."""
import socket

from zoo import Host, ready

host = Host()
sock = socket.socket()
ready("syn-sent-unanswered", sock, settle=3.5)
sock.connect((host.nobody, 80))
