#!/usr/bin/env python3
"""Runs every fuzz target with libFuzzer for T seconds each, as many at once as there are cores: `make fuzz T=600`.

Usage: fuzz.py T [TARGET…]   Inputs that find something new are kept in build/fuzz/corpus/TARGET; one that crashes a target
in build/fuzz/crash-TARGET-*, with the command that replays it."""
import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "fuzz"
EVERY = 10  # Seconds between two lines of progress.


class Run:
    """One target at work; its output goes to a log."""

    def __init__(self, program, seconds):
        self.name = program.name.removeprefix("fuzz_")
        self.seconds, self.begin = seconds, time.monotonic()
        self.crash = f"{BUILD}/crash-{self.name}-"
        self.log = BUILD / f"{self.name}.log"
        grown, seeds = BUILD / "corpus" / self.name, ROOT / "tests" / "fuzz" / "corpus" / self.name
        grown.mkdir(parents=True, exist_ok=True)
        command = [str(program), f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1",
                   f"-artifact_prefix={self.crash}", str(grown)]
        if seeds.is_dir():
            command.append(str(seeds))
        self.program = program
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)

    def progress(self):
        """The last of libFuzzer's own status lines, in short."""
        found = re.findall(r"^#(\d+).*?cov: (\d+).*?corp: (\d+).*?exec/s: (\d+)", self.log.read_text(errors="replace"),
                           re.MULTILINE)
        count, cov, corpus, speed = found[-1] if found else ("0", "0", "0", "0")
        spent = min(int(time.monotonic() - self.begin), self.seconds)
        return f"{self.name:16} {spent:5}/{self.seconds} s  {count:>10} inputs  {speed:>7}/s  coverage {cov}  corpus {corpus}"

    def verdict(self):
        """True when the target ran its time without a finding."""
        if self.process.returncode == 0:
            print(f"{self.progress()}  clean", flush=True)
            return True
        print(f"\n---- {self.name} ----\n{self.log.read_text(errors='replace')[-20000:]}", flush=True)
        for path in sorted(BUILD.glob(f"crash-{self.name}-*")):
            print(f"replay: {self.program.relative_to(ROOT)} {path.relative_to(ROOT)}", flush=True)
        return False


def main(seconds, names):
    programs = [path for path in sorted((BUILD / "tests").glob("fuzz_*")) if os.access(path, os.X_OK)]
    if names:
        programs = [path for path in programs if path.name.removeprefix("fuzz_") in names]
    if not programs:
        sys.exit("fuzz.py: no fuzz target is built")
    waiting, running, passed, failed = programs, [], 0, 0
    print(f"{len(programs)} targets, {seconds} s each", flush=True)
    shown = time.monotonic()
    while waiting or running:
        while waiting and len(running) < (os.cpu_count() or 1):
            running.append(Run(waiting.pop(0), seconds))
        time.sleep(0.2)
        if time.monotonic() - shown >= EVERY:
            shown = time.monotonic()
            for run in running:
                print(run.progress(), flush=True)
        for run in [run for run in running if run.process.poll() is not None]:
            running.remove(run)
            passed, failed = (passed + 1, failed) if run.verdict() else (passed, failed + 1)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


main(int(sys.argv[1]), sys.argv[2:])
