#!/usr/bin/env python3
"""Everything that checks lastack: `make test`.

Each stage configures and builds one preset and runs its tests with ctest. What a stage printed is shown in full only when
it failed. The last line counts every cmocka test case, every other ctest test and every check:

    N passed, N failed

Usage: test.py [STAGE…]   all stages without an argument. With CI=true a skipped test or stage counts as failed."""
import os
import platform
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as xml
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CI = os.environ.get("CI", "").lower() in ("true", "1")
TERMINAL = sys.stdout.isatty()
JOBS = str(os.cpu_count() or 2)


@dataclass
class Stage:
    """One preset: what is built (nothing named: everything), and which tests run (None: none; the build is the test)."""
    name: str
    what: str
    preset: str = None  # The name, when not said.
    targets: list = field(default_factory=list)
    tests: list = None
    foreign: bool = False  # Needs a compiler for another machine, which Debian has on amd64.
    environment: dict = field(default_factory=dict)
    check: list = None  # A command that is one more test.

    def __post_init__(self):
        self.preset = self.preset or self.name


STAGES = [
    Stage("asan", "gcc, every test with the address and undefined behaviour sanitizers", tests=[],
          environment={"LASTACK_SEEDS": "1..700"}),
    Stage("release", "gcc -O3, every test, and the checks of tree and objects", tests=[],
          environment={"LASTACK_SEEDS": "701..2000"}),
    Stage("bench", "the benchmarks build", preset="release", targets=["bench"]),
    Stage("fuzz", "clang, unit tests and the corpus of every fuzz target", tests=["-L", "^(unit|fuzz)$"]),
    Stage("m32", "32-bit, with the sanitizers", tests=[], foreign=True, environment={"LASTACK_SEEDS": "2001..2400"}),
    Stage("s390x", "big-endian, under qemu-user", tests=[], foreign=True, environment={"LASTACK_SEEDS": "2401..2600"}),
    Stage("arm", "the core for a Cortex-M without a C library", targets=["lastack"], foreign=True,
          check=[sys.executable, "scripts/check-objects.py", "build/arm/CMakeFiles/lastack.dir", "--freestanding"]),
]


@dataclass
class Tally:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    failures: list = field(default_factory=list)  # "stage: test", for the list at the end.

    def fail(self, name, output, count=1):
        self.failed += count
        self.failures.append(name)
        say(f"\n---- {name} failed ----\n{output.rstrip()}\n---- end of {name} ----\n")

    def skip(self, name, why, count=1):
        if CI:
            self.fail(name, f"Skipped, which fails in CI: {why}", count)
        else:
            self.skipped += count
            say(f"  skipped {name}: {why}")


def say(text):
    print(text, flush=True)


class Progress:
    """One line that is overwritten on a terminal; elsewhere a line for each quarter of the way."""

    def __init__(self, label):
        self.label, self.quarter = label, 0

    def at(self, done, total, text=""):
        if TERMINAL:
            print(f"\r\x1b[K  {self.label} {done}/{total} {text[:60]}", end="", flush=True)
        elif total and done * 4 // total > self.quarter:
            self.quarter = done * 4 // total
            say(f"  {self.label} {done}/{total}")

    def end(self):
        if TERMINAL:
            print("\r\x1b[K", end="", flush=True)


def lines_of(command, environment=None):
    """Runs `command`; yields its lines (both streams) and at last its exit status as a number."""
    run = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           text=True, errors="replace", env={**os.environ, **(environment or {})})
    yield from run.stdout
    yield run.wait()


def output_of(command):
    """All that `command` printed, and its exit status."""
    *lines, status = lines_of(command)
    return "".join(lines), status


def build(stage):
    """None, or what configuring or building printed when it failed."""
    output, status = output_of(["cmake", "--preset", stage.preset])
    if status:
        return output
    output, progress = [], Progress("building")
    for line in lines_of(["ninja", "-C", f"build/{stage.preset}", "-k0", "-j", JOBS, *stage.targets]):
        if not isinstance(line, str):
            status = line
        elif step := re.match(r"\[(\d+)/(\d+)\] (.*)", line):
            progress.at(int(step[1]), int(step[2]), step[3])
        else:
            output.append(line)
    progress.end()
    return "".join(output) or "ninja failed" if status else None


def run_tests(stage, tally):
    """Runs ctest, two at a time, and counts what it reports."""
    report = ROOT / "build" / f"{stage.name}.xml"
    report.unlink(missing_ok=True)
    command = ["ctest", "--test-dir", f"build/{stage.preset}", "-j2", "--output-junit", str(report), "--test-output-size-passed",
               "4000000", "--test-output-size-failed", "16000000", *stage.tests]
    printed, progress = [], Progress("testing")
    for line in lines_of(command, stage.environment):
        if not isinstance(line, str):
            break
        printed.append(line)
        if step := re.match(r"\s*(\d+)/(\d+) Test\s+#\d+: (\S+)[ .*]*(.*)", line):
            progress.at(int(step[1]), int(step[2]), step[3])
            show_slow(step[3], step[4])
    progress.end()
    try:
        cases = xml.parse(report).getroot().findall("testcase")
    except (OSError, xml.ParseError) as error:
        tally.fail(f"{stage.name}: ctest", f"{error}\n{''.join(printed)}")
        return
    if not cases:
        tally.fail(f"{stage.name}: ctest", "There is no test.")
    for case in cases:
        count_case(stage, case, tally)


def show_slow(name, outcome):
    """A test that took its time is worth a line."""
    seconds = re.search(r"([\d.]+) sec", outcome)
    if seconds and float(seconds[1]) >= 10:
        say(f"{chr(13) if TERMINAL else ''}  {name} took {float(seconds[1]):.0f} s")


def count_case(stage, case, tally):
    """One ctest test. A cmocka program counts as the number of its test cases, any other program as one."""
    name = f"{stage.name}: {case.get('name')}"
    output = case.findtext("system-out") or ""
    passed, failed, skipped = (
        sum(int(n) for n in re.findall(rf"^\[  {word} *\] (\d+) test\(s\)", output, re.MULTILINE))
        for word in ("PASSED", "FAILED", "SKIPPED"))
    status = case.get("status")
    if status == "run":
        tally.passed += passed if passed or skipped else 1
        if skipped:
            tally.skip(name, " ".join(output.split("\n")[-6:]), skipped)
    elif status == "notrun" and case.find("skipped") is not None and "Not Run" not in output and output:
        tally.skip(name, output.strip())
    else:
        tally.passed += passed
        why = case.find("failure")
        output = re.sub(r"^\[ RUN +\] (\S+)\n\[ +OK \] \1\n", "", output, flags=re.MULTILINE)
        tally.fail(name, f"{output}\n{why.get('message') if why is not None else status}", max(failed, 1))


def run_check(stage, tally):
    output, status = output_of(stage.check)
    if status:
        tally.fail(f"{stage.name}: {Path(stage.check[1]).name}", output)
    else:
        tally.passed += 1


def run_stage(stage, tally):
    begin, before = time.monotonic(), (tally.passed, tally.failed)
    say(f"{stage.name}: {stage.what}")
    if stage.foreign and platform.machine() != "x86_64":
        tally.skip(stage.name, f"Debian's packages for it are known for amd64, and this is {platform.machine()}")
        return
    errors = build(stage)
    if errors is not None:
        tally.fail(f"{stage.name}: build", errors)
        return
    if stage.tests is not None:
        run_tests(stage, tally)
    if stage.check:
        run_check(stage, tally)
    if stage.tests is None and not stage.check:
        tally.passed += 1
    say(f"  {tally.passed - before[0]} passed, {tally.failed - before[1]} failed in {time.monotonic() - begin:.0f} s")


def main(names):
    unknown = set(names) - {stage.name for stage in STAGES}
    if unknown:
        sys.exit(f"test.py: no stage is called {', '.join(sorted(unknown))}")
    tally = Tally()
    (ROOT / "build").mkdir(exist_ok=True)
    for stage in STAGES:
        if not names or stage.name in names:
            run_stage(stage, tally)
    if tally.failures:
        say("\nFailed:\n" + "\n".join(f"  {name}" for name in tally.failures) + "\n")
    say(f"{tally.passed} passed, {tally.failed} failed" + (f", {tally.skipped} skipped" if tally.skipped else ""))
    sys.exit(1 if tally.failed or not tally.passed else 0)


main(sys.argv[1:])
