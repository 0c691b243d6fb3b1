"""Reading symbols and sections of object files and archives with readelf, which knows every machine's."""
import re
import subprocess
from pathlib import Path


def objects(folder):
    """The object files below `folder`, in order."""
    return sorted(path for ending in ("o", "obj") for path in Path(folder).rglob(f"*.{ending}"))


def _readelf(option, path):
    return subprocess.run(["readelf", "-W", option, str(path)], check=True, capture_output=True, text=True).stdout


def symbols(path, option="--syms"):
    """(name, bind, section) of every named symbol; section is a number, "UND", "COM" or "ABS"."""
    found = []
    for line in _readelf(option, path).splitlines():
        field = line.split()
        if len(field) >= 8 and re.fullmatch(r"\d+:", field[0]):
            found.append((field[7], field[4], field[6]))
    return found


def undefined(path):
    return {name for name, bind, section in symbols(path) if section == "UND" and bind in ("GLOBAL", "WEAK")}


def defined(path):
    return {name for name, bind, section in symbols(path) if section != "UND" and bind in ("GLOBAL", "WEAK")}


def exported(path):
    """What a shared object has for others."""
    return {name for name, bind, section in symbols(path, "--dyn-syms") if section != "UND" and bind in ("GLOBAL", "WEAK")}


def common(path):
    return {name for name, _, section in symbols(path) if section == "COM"}


def writable_sections(path):
    """(name, size) of the sections that a program could write to. Constants that the dynamic loader relocates and then
    protects (.data.rel.ro) are not among them."""
    found = []
    row = re.compile(r"\s*\[\s*\d+\]\s+(\S+)\s+\S+\s+[0-9a-f]+\s+[0-9a-f]+\s+([0-9a-f]+)\s+\S+\s+(\S*)")
    for line in _readelf("--sections", path).splitlines():
        match = row.match(line)
        if not match:
            continue
        name, size, flags = match.group(1), int(match.group(2), 16), match.group(3)
        if "W" in flags and size and not name.startswith(".data.rel.ro"):
            found.append((name, size))
    return found
