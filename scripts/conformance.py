#!/usr/bin/env python3
"""How the stack stands on the public packetdrill suites: runs them, and compares with doc/conformance.md.

DIR holds the collections as google/, freebsd/ and nplab/; doc/conformance.md says where they come from. That page also
defines the tiers, and which script belongs to which reason. Printed are its tables as measured now, in Markdown, and
what the page does not explain.

With --check nothing is printed but what differs from the page. Where DIR does not hold as many scripts as the page is
about, numbers are not compared, and neither is what DIR does not have; verdicts are.

Usage: conformance.py [--check] [--command LASTACK] DIR     LASTACK: build/release/lastack
Exit status: 0, or 1 when --check finds a difference, 2 when something is missing."""
import argparse
import difflib
import json
import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "doc" / "conformance.md"
COLLECTIONS = ("google", "freebsd", "nplab")
VERDICTS = {"pass": "pass", "fail": "fail", "broken": "fail", "not_applicable": "n/a", "malformed": "malformed"}
ORDER = ("pass", "fail", "n/a", "malformed")

TIER = re.compile(r"^\| (T\d+) \| [^|]* \| (`[^|]*`) \|$")  # tier, what it is about, directories
RESULT = re.compile(r"^\| (?:T\d+|all) \|(?: [\d.%-]+ ?%? \|){6}$")  # a row of numbers
REASON = re.compile(r"^\| (`[^|]*`) \| ((?:\d+ [a-z/]+(?:, )?)+) \| ([^|]*) \|$")  # scripts, verdicts, what differs
TITLE = re.compile(r"^### (.*)$")


def stop(message):
    print(f"conformance: {message}", file=sys.stderr)
    sys.exit(2)


def patterns_in(cell):
    """The words between backticks, with a{b,c} spelled out."""
    for word in re.findall(r"`([^`]*)`", cell):
        if match := re.fullmatch(r"(.*)\{(.*)\}(.*)", word):
            yield from (match[1] + part.strip() + match[3] for part in match[2].split(","))
        else:
            yield word


@dataclass
class Row:
    """Scripts that do not pass for one reason."""
    title: str
    cell: str
    says: str  # The verdicts, as the page has them.
    text: str

    def __post_init__(self):
        self.patterns = list(patterns_in(self.cell))

    def names(self, script):
        return script in self.patterns

    def covers(self, script):
        return any("*" in pattern and fnmatchcase(script, pattern) for pattern in self.patterns)


class Page:
    def __init__(self, text):
        self.tiers, self.numbers, self.rows = [], [], []
        title = ""
        for line in text.splitlines():
            if match := TITLE.match(line):
                title = match[1]
            elif match := TIER.match(line):
                self.tiers.append((match[1], list(patterns_in(match[2]))))
            elif RESULT.match(line):
                self.numbers.append(line)
            elif match := REASON.match(line):
                self.rows.append(Row(title, *match.groups()))
        if not self.tiers or not self.numbers or not self.rows:
            stop(f"{PAGE.name} has no tiers, no numbers or no reasons")

    def tier_of(self, script):
        """The first whose patterns match the script's directory, or one above it."""
        directory = script.rsplit("/", 1)[0]
        for tier, patterns in self.tiers:
            if any(fnmatchcase(directory, pattern) or fnmatchcase(directory, f"{pattern}/*") for pattern in patterns):
                return tier
        stop(f"{script} is in no tier of {PAGE.name}")

    def row_of(self, script):
        """Who names a script is before who covers its directory."""
        for test in (Row.names, Row.covers):
            for row in self.rows:
                if test(row, script):
                    return row
        return None

    def total(self):
        return int(self.numbers[-1].split("|")[2])


def first_line(text):
    return next(iter(text.strip().splitlines()), "")


def run(command, directory):
    """{script: (verdict, why)}, by path below the directory."""
    collections = [directory / name for name in COLLECTIONS if (directory / name).is_dir()]
    if not collections:
        stop(f"{directory} holds none of {', '.join(f'{name}/' for name in COLLECTIONS)}")
    try:
        done = subprocess.run([command, "drill", "--json", *collections], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, text=True, errors="replace", check=False)
    except OSError as error:
        stop(f"{command}: {error.strerror}; `make build` makes it")
    results = [result for result in map(json.loads, done.stdout.splitlines()) if "script" in result]
    if not results:
        stop(f"{command} finds no scripts in {directory}")
    return {Path(result["script"]).relative_to(directory).as_posix():
            (VERDICTS[result["verdict"]], first_line(result.get("why", ""))) for result in results}


def numbers_of(page, results):
    """The rows of the table of numbers."""
    counts = {tier: Counter() for tier, _ in page.tiers}
    for script, (verdict, _) in results.items():
        counts[page.tier_of(script)][verdict] += 1
    counts["all"] = sum(counts.values(), Counter())
    for tier, count in counts.items():
        applies = count["pass"] + count["fail"]
        share = f"{100 * count['pass'] / applies:.1f} %" if applies else "-"
        yield f"| {tier} | {count.total()} | {' | '.join(str(count[word]) for word in ORDER)} | {share} |"


def reasons_of(page, results):
    """(row, its scripts' verdicts) for each row, and the scripts that do not pass and stand in none."""
    verdicts, unexplained = {id(row): Counter() for row in page.rows}, []
    for script, (verdict, why) in results.items():
        if row := page.row_of(script):
            verdicts[id(row)][verdict] += 1
        elif verdict != "pass":
            unexplained.append(f"| `{script}` | 1 {verdict} | {why} |")
    return [(row, verdicts[id(row)]) for row in page.rows], unexplained


def words_of(verdicts):
    return ", ".join(f"{verdicts[word]} {word}" for word in ORDER if verdicts[word]) or "not there"


def print_tables(page, results):
    print("| tier | scripts | pass | fail | n/a | malformed | pass, of those that apply |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    print(*numbers_of(page, results), sep="\n")
    rows, unexplained = reasons_of(page, results)
    title = None
    for row, verdicts in rows:
        if row.title != title:
            title = row.title
            print(f"\n### {title}\n\n| scripts | verdict | what differs |\n| --- | --- | --- |")
        print(f"| {row.cell} | {words_of(verdicts)} | {row.text} |")
    if unexplained:
        print("\n### Not explained\n\n| scripts | verdict | what differs |\n| --- | --- | --- |")
        print(*unexplained, sep="\n")


def without_numbers(says):
    return ", ".join(re.sub(r"^\d+ ", "", part) for part in says.split(", "))


def check(page, results):
    """Prints what differs. The exit status."""
    rows, unexplained = reasons_of(page, results)
    whole = len(results) == page.total()
    if not whole:
        rows = [(row, verdicts) for row, verdicts in rows if verdicts]
    says = [f"{row.cell}: {row.says}" for row, _ in rows]
    finds = [f"{row.cell}: {words_of(verdicts)}" for row, verdicts in rows]
    if whole:
        says, finds = page.numbers + says, list(numbers_of(page, results)) + finds
    else:
        print(f"{len(results)} scripts, and the page is about {page.total()}: numbers are not compared")
        says, finds = [without_numbers(text) for text in says], [without_numbers(text) for text in finds]
    differs = list(difflib.unified_diff(says, finds, PAGE.name, "measured", lineterm="", n=0))
    for line in differs + [f"not explained: {line}" for line in unexplained]:
        print(line)
    if differs or unexplained:
        return 1
    print(f"{len(results)} scripts: as {PAGE.name} says")
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only say what differs from the page")
    parser.add_argument("--command", metavar="LASTACK", default=str(ROOT / "build" / "release" / "lastack"))
    parser.add_argument("directory", metavar="DIR", type=Path)
    arguments = parser.parse_args()
    page = Page(PAGE.read_text())
    results = run(arguments.command, arguments.directory)
    if arguments.check:
        sys.exit(check(page, results))
    print_tables(page, results)


main()
