"""Python's http.server, asked by curl all the time."""
import http.server
import shutil
import subprocess
import time

from zoo import child, listen, ready, skip

if not shutil.which("curl"):
    skip("curl is missing")


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *unused):
        pass


listener = listen()
url = "http://127.0.0.1:%d/LICENSE" % listener.getsockname()[1]


def ask():
    while True:
        subprocess.run(["curl", "-s", "-o", "/dev/null", url, url, url])
        time.sleep(0.05)


server = http.server.ThreadingHTTPServer(listener.getsockname(), Quiet, bind_and_activate=False)
server.socket.close()
server.socket = listener
child(ask)
ready(None)
server.serve_forever()
