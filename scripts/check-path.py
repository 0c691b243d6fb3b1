#!/usr/bin/env python3
"""Bytes through lastack as third parties see them: curl speaks through lastack, over an emulated road that loses and
reorders packets, to a web server of the kernel's; sha256sum compares the files at both ends. Needs root (exit status 77
otherwise). Usage: check-path.py PATH-PROGRAM"""
import http.server
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from host_rig import enter

MEGABYTES = 3
WAIT = 40  # Seconds that one transfer may take.


class Files(http.server.SimpleHTTPRequestHandler):
    """GET gives a file of this folder, PUT makes one."""
    protocol_version = "HTTP/1.1"

    def do_PUT(self):
        left = int(self.headers["Content-Length"])
        with open(Path(self.path).name, "wb") as to:
            while left:
                block = self.rfile.read(min(left, 1 << 16))
                if not block:
                    return
                to.write(block)
                left -= len(block)
        self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def serve(folder):
    os.chdir(folder)
    server = http.server.ThreadingHTTPServer(("10.77.0.2", 80), Files)
    Path("ready").touch()
    server.serve_forever()


def sha256(path):
    return subprocess.run(["sha256sum", path], check=True, capture_output=True, text=True).stdout.split()[0]


def await_file(path):
    end = time.monotonic() + 10
    while not path.exists():
        if time.monotonic() > end:
            sys.exit(f"{path.name} did not appear within 10 s")
        time.sleep(0.01)


def curl(socket, *arguments):
    begin = time.monotonic()
    subprocess.run(["curl", "--silent", "--show-error", "--fail", "--max-time", str(WAIT), "--unix-socket", socket,
                    *arguments], check=True)
    return time.monotonic() - begin


def compare(what, seconds, here, there):
    if sha256(here) != sha256(there):
        sys.exit(f"{what}: the sha256 of the two files differs")
    print(f"{what}: {MEGABYTES} MB in {seconds:.1f} s, sha256 equal")


def transfer(here, there, socket):
    down, up = there / "down", here / "up"
    for path in (down, up):
        path.write_bytes(os.urandom(MEGABYTES * 1000000))
    seconds = curl(socket, "--output", here / "down", "http://server/down")
    compare("curl downloads through lastack", seconds, here / "down", down)
    seconds = curl(socket, "--header", "Expect:", "--upload-file", up, "http://server/up")
    compare("curl uploads through lastack", seconds, there / "up", up)


def main():
    program = Path(sys.argv[1]).resolve()
    enter("curl", "sha256sum", few_processes=True)
    with tempfile.TemporaryDirectory() as folder:
        here, there, socket = Path(folder, "here"), Path(folder, "there"), Path(folder, "socket")
        here.mkdir(), there.mkdir()
        road = subprocess.Popen([program, "--relay", socket, sys.executable, Path(__file__).resolve(), "--serve", there])
        try:
            await_file(there / "ready"), await_file(socket)
            transfer(here, there, socket)
        finally:
            road.terminate()
            road.wait()


if sys.argv[1:2] == ["--serve"]:
    serve(sys.argv[2])
else:
    main()
