#!/usr/bin/env python3
"""The C programs shown in README.md and doc/*.md compile and link. Usage: check-readme.py BUILD_DIR

A block marked ```c that has an #include is a program (with main) or a file of one; other blocks are fragments."""
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"^```c\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def compile_block(text, name, build):
    """None, or what the compiler said."""
    command = ["gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-I", str(ROOT / "include"), "-x", "c", "-"]
    libraries = sorted((build / "shipped").glob("lib*.a"), reverse=True)
    if re.search(r"\bmain\(", text):
        command += ["-x", "none", "-Wl,--start-group", *map(str, libraries), "-Wl,--end-group", "-o", str(build / name)]
    else:
        command += ["-fsyntax-only"]
    run = subprocess.run(command, input=text, capture_output=True, text=True)
    return run.stderr if run.returncode else None


def main(build):
    bad = total = 0
    for path in [ROOT / "README.md", *sorted((ROOT / "doc").glob("*.md"))]:
        if not path.exists():
            continue
        for number, text in enumerate(BLOCK.findall(path.read_text()), 1):
            if "#include" not in text:
                continue
            total += 1
            errors = compile_block(text, f"{path.stem}-{number}", build)
            if errors:
                print(f"{path.relative_to(ROOT)}, C block {number}:\n{errors}")
                bad += 1
    if bad:
        sys.exit(1)
    print(f"{total} programs of the documentation compile")


main(Path(sys.argv[1]))
