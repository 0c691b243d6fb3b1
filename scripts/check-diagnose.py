#!/usr/bin/env python3
"""The cookbook is true: every block of doc/diagnose.md is run, and every rule is in its table.

Usage: check-diagnose.py [--show] [-j N] COMMAND [SECTION…]   COMMAND: the lastack program
       --show: print what each block's commands say. SECTION: words of headings; only their blocks are run.

A block of commands says where it runs, and the ```text block behind it what they print:

    ```sh zoo=NAME      in the namespaces of this animal of the zoo, once its situation is there. PID and FD are those of
                        the program at fault
    ```sh zoo=NAME user=65534       … as this user
    ```sh zoo=NAME host             … outside of them
    ```sh netns         in a network namespace of its own, with the files of blocks above, and build/release/examples
    ```text             what is printed there: … stands for anything, a number for any number, a time for any time or
                        bounds of one, a space for any space. More may be printed before and after; the commands are
                        ended as soon as it is there
    ```c file=NAME, ```python file=NAME     such a file
    ```yaml             for promtool, which checks it where it is installed

Exit status: 0; 1 when anything is otherwise; 77 when not root."""
import argparse
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

sys.dont_write_bytecode = True  # The tree stays as it is.
from zoo_run import SETTLE, SKIP, Animal, Trouble, animals, compile_all

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "doc" / "diagnose.md"
RULES = ROOT / "src" / "inspect"
LENGTH = 50  # Seconds that a block may take.
TRIES = 3
TIME = r"\d[\d.]* ?(?:ms|s|min|h|d)\b"
NUMBER = r"\d+(?:\.\d+)*"


# --- The page ---

@dataclass
class Block:
    """A fenced block, with what it should print."""
    line: int
    section: str
    language: str
    options: dict
    text: str
    printed: str = None
    output: str = ""
    problem: str = ""
    skipped: str = ""
    name: str = field(init=False)

    def __post_init__(self):
        self.name = f"doc/diagnose.md:{self.line}"


def anchor(heading):
    """What a link to this heading says, as the common forges have it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def read_page(text):
    """(blocks, headings)"""
    blocks, headings, section, lines = [], [], "", text.splitlines()
    number = 0
    while number < len(lines):
        line = lines[number]
        number += 1
        if heading := re.match(r"#+ (.*)", line):
            section = heading[1]
            headings.append(section)
        if not line.startswith("```"):
            continue
        first, end = number, lines.index("```", number)
        language, *words = line[3:].split() or [""]
        body = "\n".join(lines[first:end])
        number = end + 1
        if language == "text" and blocks and blocks[-1].language == "sh" and blocks[-1].printed is None:
            blocks[-1].printed = body
        else:
            options = dict((word.split("=") + [""])[:2] for word in words)
            blocks.append(Block(first, section, language, options, body))
    return blocks, headings


def pattern_of(printed):
    """What is printed, as a pattern: … anything, numbers any number, cookies any cookie, spaces any space."""
    kinds = {"any": r"\s*…\s*", "space": r"\s+", "cookie": r"sk:[0-9a-f]+", "time": rf"(?<![\w.]){TIME}",
             "number": rf"(?<![A-Za-z_.\d]){NUMBER}", "other": "."}
    means = {"any": ".*?", "space": r"\s+", "cookie": "sk:[0-9a-f]+", "time": rf"(?:at least )?{TIME}(?:(?: to |-){TIME})?",
             "number": NUMBER}
    tokens = re.compile("|".join(f"(?P<{kind}>{how})" for kind, how in kinds.items()))
    parts = [means.get(token.lastgroup) or re.escape(token[0]) for token in tokens.finditer(printed.strip())]
    return re.compile("".join(parts), re.DOTALL)


# --- Rules ---

def rules():
    """{id: severity} of every rule in the sources."""
    found = {}
    for file in sorted(RULES.glob("rules_*.c")):
        text = file.read_text()
        found.update(re.findall(r'\.id = "([a-z0-9-]+)",[^{}]*?\.severity = SEVERITY_(\w+)', text))
        found.update({"close-wait-" + name: severity
                      for name, severity in re.findall(r'^ +CLOSE_WAIT\("([a-z0-9-]+)", "[^"]*", (\w+)', text, re.M)})
        found.update(re.findall(r'^ +(?:CLOSING|FLOW)\("([a-z0-9-]+)", "[^"]*", (\w+)', text, re.M))
    return {name: severity.lower() for name, severity in found.items()}


def check_table(text, headings):
    """What is wrong with the table of rules."""
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| (\w+) \| (.+?) \| \[.+?\]\(#(.+?)\) \|$", text, re.MULTILINE)
    real, anchors = rules(), set(map(anchor, headings))
    names = [name for name, *_ in rows]
    yield from (f"{name}: in the sources, not in the table" for name in real.keys() - set(names))
    yield from (f"{name}: in the table, not in the sources" for name in set(names) - real.keys())
    yield from (f"{name}: twice in the table" for name in set(names) if names.count(name) > 1)
    for name, severity, _, link in rows:
        if real.get(name, severity) != severity:
            yield f"{name}: a {real[name]} in the sources, a {severity} in the table"
        if link not in anchors:
            yield f"{name}: no heading is #{link}"
    if not real:
        yield "no rules were found in the sources"


# --- Running ---

def run_in(words, block, environment, folder):
    """Runs the block's commands behind these words, until they end or have printed what they should; what they print."""
    process = subprocess.Popen([*words, "sh", "-c", block.text], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, cwd=folder, env=environment, start_new_session=True)
    wanted, output, end = pattern_of(block.printed), b"", time.monotonic() + LENGTH
    try:
        while select.select([process.stdout], [], [], max(0, end - time.monotonic()))[0]:
            if not (piece := os.read(process.stdout.fileno(), 65536)):
                break
            output += piece
            if wanted.search(output.decode(errors="replace")):
                break
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)  # What it left running.
        except ProcessLookupError:
            pass
        process.stdout.close()
        process.wait()
    return output.decode(errors="replace")


def with_animal(block, programs, environment, folder):
    animal = Animal(programs[block.options["zoo"]], folder)
    try:
        told = animal.told()
        if told is None:
            block.skipped = animal.complaint()
            return ""
        time.sleep(told.get("settle", SETTLE))
        for name, key in (("PID", "pid"), ("FD", "fd")):
            value = told[key][0] if isinstance(told[key], list) else told[key]
            environment[name] = "" if value is None else str(value)
        user = block.options.get("user", told.get("user"))
        return run_in([] if "host" in block.options else animal.enter(user), block, environment, folder)
    finally:
        animal.end()


def in_netns(block, files, command, environment, folder):
    examples = Path(command).parent / "examples"
    if "build/release/examples" in block.text and not (Path("/dev/net/tun").exists() and examples.is_dir()):
        block.skipped = f"{examples} and /dev/net/tun are not both there"
        return ""
    Path(folder, "build").mkdir()
    Path(folder, "build", "release").symlink_to(examples.parent)
    for name, text in files.items():
        Path(folder, name).write_text(text + "\n")
    enter = ["unshare", "--net", "--mount", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    return run_in(enter, block, environment, folder)


def run_commands(block, files, command, programs, folder):
    """Sets the block's output, problem or skipped."""
    with tempfile.TemporaryDirectory(dir=folder) as own:
        os.chmod(own, 0o755)
        environment = os.environ | {"PATH": f"{Path(command).parent}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8",
                                    "NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "100"}
        if "zoo" in block.options:
            block.output = with_animal(block, programs, environment, own)
        else:
            block.output = in_netns(block, files, command, environment, own)
    if not block.skipped and not pattern_of(block.printed).search(block.output):
        block.problem = "the page says\n" + indented(block.printed) + "\nand it prints\n" + indented(block.output)


def run_yaml(block, folder):
    if not shutil.which("promtool"):
        block.skipped = "promtool is not installed"
        return
    file = Path(folder, f"{block.line}.yml")
    file.write_text(block.text + "\n")
    kind = "rules" if block.text.startswith("groups:") else "config"
    words = ["promtool", "check", kind] + (["--syntax-only"] if kind == "config" else []) + [file]
    run = subprocess.run(words, capture_output=True, text=True)
    block.problem = (run.stdout + run.stderr).strip() if run.returncode else ""


def run_block(block, files, command, programs, folder):
    """A busy machine may be late, or open so many sockets that not every stack is kept: what is wrong is asked again."""
    for _ in range(TRIES):
        block.problem = None
        try_block(block, files, command, programs, folder)
        if not block.problem:
            break
    return block


def try_block(block, files, command, programs, folder):
    try:
        if block.language == "sh":
            run_commands(block, files, command, programs, folder)
        elif block.language == "yaml":
            run_yaml(block, folder)
        elif block.language == "python":
            compile(block.text, block.name, "exec")
    except (Trouble, SyntaxError, OSError, KeyError) as trouble:
        block.problem = f"{type(trouble).__name__}: {trouble}"


# --- Saying ---

def indented(text):
    return "\n".join("    " + line for line in text.splitlines())


WHERE = [{"zoo"}, {"zoo", "user"}, {"zoo", "host"}, {"netns"}]
ODDITIES = {
    "sh": lambda block: "where does it run?" if block.options.keys() not in WHERE else
    f"no animal is called {block.options['zoo']}" if block.options.get("zoo", "close_wait_unread") not in animals() else
    "no text says what it prints" if block.printed is None else None,
    "text": lambda block: "no commands stand before this text",
    "c": lambda block: None if block.options.get("file") else "it has no file=NAME",
    "python": lambda block: None if block.options.get("file") else "it has no file=NAME",
    "yaml": lambda block: None,
}


def oddities(blocks):
    """What is wrong with the blocks themselves."""
    for block in blocks:
        judge = ODDITIES.get(block.language, lambda block: f'nobody checks a block of "{block.language}"')
        if said := judge(block):
            yield f"{block.name}: {said}"


def report(blocks, show):
    """Prints how each went; how many are otherwise than the page says."""
    for block in blocks:
        verdict = "WRONG" if block.problem else "skipped" if block.skipped else "right"
        what = " ".join(f"{key}={value}" if value else key for key, value in block.options.items())
        print(f"{block.name:<24} {verdict:<8} {block.language} {what or block.section}", flush=True)
        if show and block.language == "sh":
            print(indented(block.text + "\n\n" + block.output))
        if block.problem or block.skipped:
            print(indented(block.problem or block.skipped))
    return sum(bool(block.problem) for block in blocks)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--show", action="store_true", help="print what the commands say")
    parser.add_argument("-j", type=int, default=4, metavar="N", help="blocks at a time (4)")
    parser.add_argument("command")
    parser.add_argument("sections", nargs="*")
    return parser.parse_args()


def main():
    args = parse()
    text = PAGE.read_text()
    blocks, headings = read_page(text)
    wrong = [*oddities(blocks), *check_table(text, headings)]
    for each in wrong:
        print(each)
    if wrong:
        return 1
    if os.geteuid() != 0:
        print("check-diagnose.py: network namespaces need root", file=sys.stderr)
        return SKIP
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    wanted = [block for block in blocks
              if not args.sections or any(word.lower() in block.section.lower() for word in args.sections)]
    files = {block.options["file"]: block.text for block in blocks if "file" in block.options}
    names = {block.options["zoo"] for block in wanted if "zoo" in block.options}
    with tempfile.TemporaryDirectory(prefix="diagnose-") as folder, ThreadPoolExecutor(args.j) as workers:
        os.chmod(folder, 0o755)
        programs = compile_all({name: file for name, file in animals().items() if name in names}, folder)
        command = os.path.abspath(args.command)
        done = list(workers.map(lambda block: run_block(block, files, command, programs, folder), wanted))
    failed = report(done, args.show)
    skipped = sum(bool(block.skipped) for block in done)
    print(f"\n{len(done) - failed - skipped} of {len(done)} blocks right, {skipped} skipped; "
          f"{len(rules())} rules in the table")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
