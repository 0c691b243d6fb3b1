#!/usr/bin/env python3
"""The include rule: base <- wire <- ip <- tcp, udp <- stack; what stands beside the core uses only include/.

The core's only system headers are <stdint.h> <stddef.h> <stdbool.h>, and it has no #if but include guards."""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

CORE_SYSTEM = {"stdint.h", "stddef.h", "stdbool.h"}
# Headers of functions that only compute or hand out memory.
PURE_SYSTEM = CORE_SYSTEM | {"stdarg.h", "stdlib.h", "stdio.h", "string.h", "inttypes.h", "limits.h", "ctype.h", "math.h",
                             "strings.h", "errno.h"}
# Headers that a folder with Linux's socket calls uses for the shapes of their arguments alone.
SHAPES_SYSTEM = PURE_SYSTEM | {"sys/socket.h", "netinet/in.h", "netinet/tcp.h", "sys/uio.h", "poll.h", "sys/epoll.h",
                               "sys/ioctl.h", "fcntl.h", "linux/sockios.h"}
ANY = None

# Folder: (other folders of src/ whose headers it may include, system headers it may include).
RULES = {
    "base": (set(), CORE_SYSTEM),
    "wire": ({"base"}, CORE_SYSTEM),
    "ip": ({"base", "wire"}, CORE_SYSTEM),
    "tcp": ({"base", "wire", "ip"}, CORE_SYSTEM),
    "udp": ({"base", "wire", "ip"}, CORE_SYSTEM),
    "": ({"base", "wire", "ip", "tcp", "udp"}, CORE_SYSTEM),
    "dev": (set(), ANY),
    "sim": (set(), PURE_SYSTEM),
    "sys": (set(), SHAPES_SYSTEM),
    "drill": (set(), SHAPES_SYSTEM),
    "inspect": (set(), PURE_SYSTEM | {"jansson.h"}),
    "relay": (set(), ANY),
}
BESIDE = {"dev", "sys", "sim", "drill", "inspect", "relay"}
INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^">]+)[">]')


def includes(path):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1) == "<", match.group(2)


def check_system(name, allowed):
    if name.startswith("lastack/") or allowed is ANY or name in allowed:
        return None
    return f"<{name}> is a system header that this folder does not use"


def check_own(path, name, folder, others):
    """`name` as in #include "name": of the same folder, or in a folder of src/ that may be used."""
    if (path.parent / name).is_file() and "/" not in name:
        return None
    part = name.split("/")[0] if "/" in name else ""
    if ".." in name.split("/"):
        return f'"{name}" goes up'
    if part == folder or part in others:
        return None
    return f'"{name}" is of {part or "the root"}, which {folder or "the root"} must not know'


def check_source(path):
    folder = path.relative_to(ROOT / "src").parts[0] if path.parent != ROOT / "src" else ""
    others, system = RULES.get(folder, (set(), PURE_SYSTEM))
    if folder == "inspect" and path.name.startswith("linux"):
        system = ANY
    for number, angled, name in includes(path):
        wrong = check_system(name, system) if angled else check_own(path, name, folder, others)
        if wrong:
            yield number, wrong
    if folder not in BESIDE:
        yield from check_conditionals(path)


def check_conditionals(path):
    """Settings are run-time data: the core has no conditional compilation but guards."""
    lines = path.read_text().splitlines()
    for number, line in enumerate(lines, 1):
        if not re.match(r"\s*#\s*(if|ifdef|ifndef|elif)\b", line):
            continue
        name = re.match(r"#ifndef (\w+_H)$", line)
        if not (name and lines[number:number + 1] == [f"#define {name.group(1)}"]):
            yield number, f"{line.strip()}: no conditional compilation in the core"


def check_public(path):
    for number, angled, name in includes(path):
        if not angled or not (name.startswith("lastack/") or name in CORE_SYSTEM):
            yield number, f"{name}: public headers include only each other and {', '.join(sorted(CORE_SYSTEM))}"


def check_user(path, folders):
    """Sources of tool/, plugin/ and examples/."""
    for number, angled, name in includes(path):
        part = name.split("/")[0] if "/" in name else ""
        if not angled and part not in folders and not (path.parent / name).is_file():
            yield number, f'"{name}" is not for {path.parent.name}/'


def sources(folder):
    return sorted(path for ending in ("c", "h", "def") for path in (ROOT / folder).rglob(f"*.{ending}"))


def main():
    bad = total = 0
    for folder, check in (
            ("src", check_source),
            ("include", check_public),
            ("tool", lambda path: check_user(path, BESIDE | {"tool"})),
            ("plugin", lambda path: check_user(path, {"tool"})),
            ("examples", lambda path: check_user(path, set()))):
        for path in sources(folder):
            total += 1
            for number, wrong in check(path):
                print(f"{path.relative_to(ROOT)}:{number}: {wrong}")
                bad += 1
    if bad:
        sys.exit(1)
    print(f"{total} files keep the include rule")


main()
