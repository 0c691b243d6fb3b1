#!/usr/bin/env python3
"""Sizes: functions have at most 70 lines (a longer one says "Long because …" above it), files at most 600, and a source
of more than 200 lines opens with its theory of operation."""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FUNCTION_MAX = 70
FILE_MAX = 600
HEAD_FROM = 200
HEAD_MIN = 3


def functions(lines):
    """(first line, last line) of each function, counted from 1: code as clang-format leaves it."""
    start = None
    for number, line in enumerate(lines, 1):
        if start is None and re.match(r"[A-Za-z_].*\)? ?\{$", line) and "(" in "".join(lines[max(0, number - 4):number]):
            if not re.match(r"(struct|enum|union|typedef|static const)\b[^()]*\{$", line):
                start = number
        elif start is not None and line == "}":
            yield start, number
            start = None
        elif start is not None and re.match(r"\};", line):
            start = None


def says_why(lines, start):
    above = "\n".join(lines[max(0, start - 12):start])
    return "Long because" in above


def head_lines(lines):
    if not lines or not lines[0].startswith("/*"):
        return 0
    for number, line in enumerate(lines, 1):
        if "*/" in line:
            return number
    return 0


def check(path):
    lines = path.read_text().splitlines()
    if len(lines) > FILE_MAX:
        yield 1, f"{len(lines)} lines: more than {FILE_MAX}"
    if path.suffix == ".c" and len(lines) > HEAD_FROM and head_lines(lines) < HEAD_MIN:
        yield 1, f"{len(lines)} lines without a theory of operation at the top"
    for start, end in functions(lines):
        if end - start + 1 > FUNCTION_MAX and not says_why(lines, start):
            yield start, f"a function of {end - start + 1} lines: more than {FUNCTION_MAX}"


def main():
    bad = total = 0
    for folder in ("src", "include", "tool", "plugin", "examples"):
        for path in sorted(path for ending in ("c", "h") for path in (ROOT / folder).rglob(f"*.{ending}")):
            total += 1
            for number, wrong in check(path):
                print(f"{path.relative_to(ROOT)}:{number}: {wrong}")
                bad += 1
    if bad:
        sys.exit(1)
    print(f"{total} files keep their size")


main()
