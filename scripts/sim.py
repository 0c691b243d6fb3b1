#!/usr/bin/env python3
"""Plays many seeds of the simulator in chunks, as many at once as there are cores: `make sim SEEDS=20000`.

Usage: sim.py COMMAND [FROM..]TO   COMMAND is a built sim_sim. One line per chunk; what failed is printed with its replay.
Each chunk also refuses memory to some of its scenarios. Ends with "N passed, N failed"."""
import os
import re
import subprocess
import sys
import time

CHUNK = 500  # Seeds.
# What dies says which seed it was.
ENVIRONMENT = {"ASAN_OPTIONS": "abort_on_error=1", "UBSAN_OPTIONS": "print_stacktrace=1:abort_on_error=1", **os.environ}


class Chunk:
    """Some seeds at work."""

    def __init__(self, command, first, last):
        self.name = f"seeds {first} to {last}"
        self.begin = time.monotonic()
        self.process = subprocess.Popen([command, "--seeds", f"{first}..{last}"], stdin=subprocess.DEVNULL, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace", env=ENVIRONMENT)

    def end(self):
        """(passed, failed) of a chunk whose output has come to its end."""
        output, _ = self.process.communicate()
        found = re.findall(r"^(\d+) passed, (\d+) failed$", output, re.MULTILINE)
        passed, failed = (int(n) for n in found[-1]) if found else (0, 1)
        if self.process.returncode and not failed:
            failed = 1
        if failed:
            print(f"\n---- {self.name}: status {self.process.returncode} ----\n{output.strip()}\n----\n", flush=True)
        print(f"{self.name}: {passed} passed, {failed} failed, {time.monotonic() - self.begin:.0f} s", flush=True)
        return passed, failed


def main(command, seeds):
    first, dots, last = seeds.partition("..")
    first, last = (int(first), int(last)) if dots else (1, int(first))
    starts = list(range(first, last + 1, CHUNK))
    running, passed, failed = [], 0, 0
    while starts or running:
        while starts and len(running) < (os.cpu_count() or 1):
            start = starts.pop(0)
            running.append(Chunk(command, start, min(start + CHUNK - 1, last)))
        good, bad = running.pop(0).end()
        passed, failed = passed + good, failed + bad
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if len(sys.argv) != 3 or not re.fullmatch(r"\d+(\.\.\d+)?", sys.argv[2]):
    sys.exit(__doc__)
main(sys.argv[1], sys.argv[2])
