#!/usr/bin/env python3
"""The shipped libraries export la_* alone. Usage: check-symbols.py FOLDER   FOLDER holds lib*.a."""
import sys
from pathlib import Path

import elf


def main(folder):
    archives = sorted(Path(folder).glob("lib*.a"))
    if not archives:
        sys.exit(f"{folder}: no libraries")
    bad = 0
    for archive in archives:
        names = elf.defined(archive)
        for name in sorted(name for name in names if not name.startswith("la_")):
            print(f"{archive.name} exports {name}")
            bad += 1
        if not names:
            print(f"{archive.name} exports nothing")
            bad += 1
        print(f"{archive.name}: {len(names)} symbols")
    sys.exit(1 if bad else 0)


main(sys.argv[1])
