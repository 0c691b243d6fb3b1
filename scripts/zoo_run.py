"""Animals of the zoo (tests/zoo/README.md) let loose: what check-zoo.py and check-diagnose.py have in common."""
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ZOO = Path(__file__).resolve().parent.parent / "tests" / "zoo"
SKIP = 77
SETTLE, READY, END = 2.2, 20, 5  # Seconds: before looking; at most for staging and for ending.


def animals():
    """{name: file} of every animal."""
    files = sorted([*ZOO.glob("*.py"), *ZOO.glob("*.c")])
    return {file.stem: file for file in files if file.name != "zoo.py"}


def compile_all(files, folder):
    """{name: what to run}, programs in C compiled into this folder."""
    ready = {}
    for name, file in files.items():
        ready[name] = file
        if file.suffix == ".c":
            ready[name] = Path(folder, name)
            subprocess.run([os.environ.get("CC", "cc"), "-std=c11", "-Wall", "-Wextra", "-Werror", "-O1", "-pthread",
                            "-o", ready[name], file], check=True)
    return ready


class Trouble(Exception):
    """The zoo or the command does not work as it should."""


class Animal:
    """One that runs: its keeper (zoo.py), until `end`."""

    def __init__(self, program, folder):
        self.errors = tempfile.TemporaryFile("w+", errors="replace")
        self.keeper = subprocess.Popen([sys.executable, "-B", ZOO / "zoo.py", program], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, stderr=self.errors,
                                       env=os.environ | {"ZOO_TEMPORARY": folder})

    def told(self):
        """What it says once the situation is there; None: it cannot be shown here."""
        line, end = b"", time.monotonic() + READY
        while not line.endswith(b"\n"):
            if not select.select([self.keeper.stdout], [], [], max(0, end - time.monotonic()))[0]:
                raise Trouble(f"it was not ready after {READY} s")
            if not (piece := os.read(self.keeper.stdout.fileno(), 65536)):
                break
            line += piece
        if line:
            return json.loads(line)
        if self.keeper.wait(END) == SKIP:
            return None
        raise Trouble("it ended before it was ready: " + self.complaint())

    def enter(self, user=None):
        """The words that run a command inside of its namespaces."""
        words = ["nsenter", f"--net=/proc/{self.keeper.pid}/ns/net", f"--mount=/proc/{self.keeper.pid}/ns/mnt"]
        return words + ([f"--setuid={user}", f"--setgid={user}"] if user else [])

    def complaint(self):
        self.errors.seek(0)
        return (self.errors.read().strip().splitlines() or ["no word"])[-1]

    def end(self):
        self.keeper.stdin.close()
        try:
            self.keeper.wait(END)
        except subprocess.TimeoutExpired:
            self.keeper.kill()  # Its children are bound to die with it.
            self.keeper.wait()
        self.keeper.stdout.close()
        self.errors.close()
