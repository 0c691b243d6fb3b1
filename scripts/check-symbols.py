#!/usr/bin/env python3
"""The shipped libraries export la_* alone; the plugin of packetdrill its one entry, and the functions of libc that it
stands in for.

Usage: check-symbols.py FOLDER PLUGIN   FOLDER holds lib*.a, PLUGIN is the shared object."""
import re
import sys
from pathlib import Path

import elf

PRELOAD = Path(__file__).resolve().parent.parent / "plugin" / "preload.c"


def stands_in():
    """The functions that plugin/preload.c marks."""
    return set(re.findall(r"^EXPORT [^(]*?(\w+)\(", PRELOAD.read_text(), re.MULTILINE))


def check(path, names, others):
    """The number of complaints about what `path` exports."""
    for name in others:
        print(f"{path.name} exports {name}")
    if not names:
        print(f"{path.name} exports nothing")
    print(f"{path.name}: {len(names)} symbols")
    return len(others) + (not names)


def main(folder, plugin):
    archives = sorted(Path(folder).glob("lib*.a"))
    if not archives:
        sys.exit(f"{folder}: no libraries")
    bad = 0
    for archive in archives:
        names = elf.defined(archive)
        bad += check(archive, names, sorted(name for name in names if not name.startswith("la_")))
    plugin = Path(plugin)
    names = elf.exported(plugin)
    bad += check(plugin, names, sorted(names - {"packetdrill_interface_init"} - stands_in()))
    sys.exit(1 if bad else 0)


main(*sys.argv[1:])
