#!/usr/bin/env python3
"""The core holds no writable data and needs nothing but mem*.

Usage: check-objects.py FOLDER [--freestanding | --hosted]   FOLDER holds the object files of the core, or of another part.
Freestanding objects may also need the compiler's own library (64-bit division and the like: names that begin with two
underscores), hosted ones anything."""
import sys

import elf

ALLOWED = {"memcpy", "memmove", "memset", "memcmp", "_GLOBAL_OFFSET_TABLE_", "__stack_chk_fail"}


def main(folder, freestanding, hosted):
    files = elf.objects(folder)
    if not files:
        sys.exit(f"{folder}: no object files")
    ours = set().union(*(elf.defined(file) for file in files))
    bad = 0
    for file in files:
        short = file.relative_to(folder)
        for name, size in elf.writable_sections(file):
            print(f"{short}: {size} bytes of writable data in {name}")
            bad += 1
        for name in sorted(elf.common(file)):
            print(f"{short}: {name} is a common symbol: writable data")
            bad += 1
        for name in sorted(elf.undefined(file) - ours - ALLOWED):
            if hosted or (freestanding and name.startswith("__")):
                continue
            print(f"{short}: needs {name}")
            bad += 1
    if bad:
        sys.exit(1)
    print(f"{len(files)} object files: no writable data" + ("" if hosted else ", nothing needed but mem*"))


main(sys.argv[1], "--freestanding" in sys.argv[2:], "--hosted" in sys.argv[2:])
