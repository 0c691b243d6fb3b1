#!/usr/bin/env python3
"""Do the tests notice faults? `make mutants`.

Each fault of tests/mutants.txt changes one line of src/ in a copy of the tree. The segment tests and the project's own
drill scripts then have to fail. A fault that they miss has survived; one that is known to survive is marked there with
`survives:` and the reason.

Usage: mutants.py [WORD…]     only faults whose title has one of the words
       mutants.py --check     only whether every fault still fits the source
Exit status: 0 when at least 95 % are caught, 1 otherwise, 2 when a fault does not fit the source any more."""
import filecmp
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COPY = ROOT / "build" / "mutants"
BUILD = COPY / "build"
FAULTS = ROOT / "tests" / "mutants.txt"
ENOUGH = 0.95


@dataclass
class Fault:
    title: str
    path: str
    old: str
    new: str
    survives: str = ""


def stop(message):
    print(f"mutants: {message}", file=sys.stderr)
    sys.exit(2)


def read_faults():
    """Blocks between empty lines: a title, a path, lines `- ` as they are, lines `+ ` with the fault."""
    for block in FAULTS.read_text().split("\n\n"):
        lines = [line for line in block.splitlines() if line and not line.startswith("#")]
        if not lines:
            continue
        old = "\n".join(line[2:] for line in lines if line.startswith("- "))
        new = "\n".join(line[2:] for line in lines if line.startswith("+ "))
        survives = [line.split(":", 1)[1].strip() for line in lines if line.startswith("survives:")]
        if len(lines) < 4 or not old or not new:
            stop(f"{FAULTS.name}: this block is not one fault:\n{block}")
        yield Fault(lines[0], lines[1], old, new, survives[0] if survives else "")


def copy_tree():
    """A tree of its own, so that the real one is never touched; the last run's build is used again. Only what differs is
    written: a fault that a killed run has left, too, and what is gone here goes there."""
    for name in ("CMakeLists.txt", "cmake", "include", "src", "tool", "tests", "plugin", "bench", "examples", "doc",
                 "scripts", "README.md"):
        files = [ROOT / name] if (ROOT / name).is_file() else (ROOT / name).rglob("*")
        wanted = {path.relative_to(ROOT) for path in files if path.is_file()}
        for path in [path for path in (COPY / name).rglob("*") if path.is_file()]:
            if path.relative_to(COPY) not in wanted:
                path.unlink()
        for path in wanted:
            target = COPY / path
            if not target.is_file() or not filecmp.cmp(ROOT / path, target, shallow=False):
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / path, target)


def run(command, seconds):
    """The exit status, 124 where it took too long, and what was printed."""
    try:
        done = subprocess.run(command, cwd=COPY, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=seconds, text=True, errors="replace", check=False)
        return done.returncode, done.stdout
    except subprocess.TimeoutExpired:
        return 124, ""


def segment_tests():
    return sorted("segment_" + path.stem.removeprefix("test_") for path in (COPY / "tests/segment").glob("test_*.c"))


def build():
    return run(["ninja", "-C", str(BUILD), "-j", str(os.cpu_count() or 2), "lastack_tool", *segment_tests()], 900)


def caught_by():
    """The first test that fails, or None."""
    for test in segment_tests():
        if run([str(BUILD / "tests" / test)], 60)[0]:
            return test
    status, _ = run([sys.executable, "scripts/check-drill.py", str(BUILD / "lastack")], 120)
    return "drill scripts" if status else None


def configure():
    options = ["-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_C_FLAGS=-O1", "-DLASTACK_WERROR=OFF"]
    status, output = run(["cmake", "-S", str(COPY), "-B", str(BUILD), "-G", "Ninja", *options], 300)
    if status == 0:
        status, output = build()
    if status:
        stop(f"the tree does not build:\n{output}")
    if test := caught_by():
        stop(f"{test} fails without any fault")


def check_fit(faults):
    """Each fault's text stands in its file exactly once."""
    wrong = [fault for fault in faults if (ROOT / fault.path).read_text().count(fault.old) != 1]
    for fault in wrong:
        print(f"“{fault.title}” does not fit {fault.path} (or not only once):\n{fault.old}")
    if wrong:
        stop(f"{len(wrong)} of {len(faults)} faults do not fit the source any more")


def try_fault(fault):
    path = COPY / fault.path
    text = path.read_text()
    path.write_text(text.replace(fault.old, fault.new))
    try:
        status, output = build()
        if status:
            stop(f"“{fault.title}” does not compile:\n{output}")
        return caught_by()
    finally:
        path.write_text(text)


def main():
    words = [word for word in sys.argv[1:] if word != "--check"]
    faults = [fault for fault in read_faults() if not words or any(word in fault.title for word in words)]
    check_fit(faults)
    if "--check" in sys.argv:
        print(f"{len(faults)} faults fit the source")
        return 0
    copy_tree()
    configure()
    survivors = []
    for number, fault in enumerate(faults, 1):
        test = try_fault(fault)
        print(f"{number:3}/{len(faults)}  {'caught' if test else 'SURVIVED':8}  {fault.title}"
              f"{f'  ({test})' if test else ''}", flush=True)
        if not test:
            survivors.append(fault)
    caught = len(faults) - len(survivors)
    print(f"\n{caught} of {len(faults)} faults caught ({100 * caught / max(len(faults), 1):.1f} %)")
    for fault in survivors:
        print(f"  survived: {fault.title}: {fault.survives or 'not explained'}")
    return 0 if caught >= ENOUGH * len(faults) else 1


if __name__ == "__main__":
    sys.exit(main())
