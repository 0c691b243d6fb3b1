#!/usr/bin/env python3
"""System calls exist only in src/dev, src/relay, src/inspect/linux* and tool.

Usage: check-syscalls.py FOLDER   FOLDER holds lastack.dir, lastack_sim.dir, … with their object files. From every object
outside the places named, all that it calls is followed through our own objects; where that leads to the C library, the
function must be one that only computes or hands out memory."""
import re
import sys
from pathlib import Path

import elf

PLACES = re.compile(r"/src/(dev|relay)/|/src/inspect/linux")
COMPUTES = re.compile(
    r"mem(cpy|move|set|cmp|chr)|str(len|nlen|cmp|ncmp|casecmp|ncasecmp|chr|rchr|str|spn|cspn|cpy|ncpy|dup|ndup|tol|toll"
    r"|toul|toull|tod|tok_r)|v?snprintf|malloc|calloc|realloc|free|qsort|bsearch|abort|__stack_chk_fail|__assert_fail"
    r"|_GLOBAL_OFFSET_TABLE_|__ctype_b_loc|__ctype_to(upper|lower)_loc|to(upper|lower)|__isoc99_v?sscanf"
    r"|__isoc23_\w+|__errno_location|[hn]to[hn][sl]|f?abs|sqrt|pow|log|exp|floor|ceil|l?l?abs|json_\w+|__\w+_chk")


def main(folder):
    files = [file for file in elf.objects(folder) if re.search(r"/lastack(_\w+)?\.dir/src/", str(file))
             and not file.is_relative_to(folder / "lastack_packetdrill.dir")]  # The same sources once more.
    if not files:
        sys.exit(f"{folder}: no object files")
    home = {name: file for file in files for name in elf.defined(file)}
    needs = {file: elf.undefined(file) for file in files}
    roots = [file for file in files if not PLACES.search(str(file))]
    bad = 0
    for root in roots:
        reached, todo = {root}, [(root, [])]
        while todo:
            file, way = todo.pop()
            for name in sorted(needs[file]):
                target = home.get(name)
                if target is None and not COMPUTES.fullmatch(name):
                    print(f"{root.relative_to(folder)} calls {' -> '.join(way + [name])}")
                    bad += 1
                elif target is not None and target not in reached:
                    reached.add(target)
                    todo.append((target, way + [name]))
    if bad:
        sys.exit(1)
    print(f"{len(roots)} object files make no system call")


main(Path(sys.argv[1]))
