#!/usr/bin/env python3
"""The zoo: misbehaving programs, each in a network namespace of its own, and what `lastack why` says of them.

Usage: check-zoo.py [--json] [-j N] COMMAND [NAME…]   COMMAND: the lastack program; names: of animals or claims (C14)
       check-zoo.py --list                            every animal: what should be found, claims, the situation

An animal of tests/zoo stages one situation and says in one line what should be found (tests/zoo/README.md). It is right
when that finding is there and names the right process and descriptor, and nothing above "note" is said besides.
Exit status: 0; 1 when fewer than 92 % are right, or when anybody is wrongly blamed; 77 when not root,
or when no animal can be shown here."""
import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

sys.dont_write_bytecode = True  # The tree stays as it is.
from zoo_run import SETTLE, SKIP, Animal, Trouble, animals, compile_all

FORMAT = "lastack findings 1"
STATUS = {"note": 0, "warning": 1, "harm": 3}  # The command's exit status by the gravest finding.
PASS = 0.92
LOOK = 20  # Seconds that the command may take.


# --- The animals ---

def expected(file):
    """The finding that an animal stages; "nothing"."""
    found = re.search(r'ready\(\s*"([a-z0-9|-]+)"', file.read_text())
    return found[1] if found else "nothing"


def claims(file):
    """The claims of doc/claims.md that an animal shows."""
    return sorted(set(re.findall(r'\bC\d\d\b', file.read_text())))


def situation(file):
    """The comment at its top."""
    words = re.match(r'(?:"""|/\* )(.*?)(?:"""| \*/)', file.read_text(), re.DOTALL)
    return " ".join(words[1].split()) if words else ""


def selected(names):
    """The animals of these names or claims; all when there are none."""
    return {name: file for name, file in animals().items()
            if not names or name in names or not set(names).isdisjoint(claims(file))}


def print_list(files):
    for name, file in files.items():
        print(f"{name:<28} {expected(file):<28} {' '.join(claims(file)) or '-':<8} {situation(file)}")


# --- Looking and judging ---

def look(command, animal, told):
    """The findings of `why --json`, run inside the animal's namespaces."""
    words = [*animal.enter(told.get("user")), command, "why", "--json", *told.get("args", [])]
    try:
        run = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
                             timeout=LOOK)
    except subprocess.TimeoutExpired:
        raise Trouble(f"the command took more than {LOOK} s") from None
    try:
        document = json.loads(run.stdout)
    except ValueError:
        said = (run.stderr.strip().splitlines() or ["nothing"])[-1]
        raise Trouble(f"the command printed no JSON (status {run.returncode}): {said}") from None
    if document.get("format") != FORMAT:
        raise Trouble(f"the format is {document.get('format')}")
    status = max([STATUS[finding["severity"]] for finding in document["findings"]], default=0)
    if run.returncode != status:
        raise Trouble(f"the exit status is {run.returncode}, and the findings mean {status}")
    return document["findings"]


def is_one_of(value, expected):
    return value in expected if isinstance(expected, list) else value == expected


def is_right_process(finding, told):
    return finding.get("pid") is None if told["pid"] == 0 else is_one_of(finding.get("pid"), told["pid"])


def objections(finding, told):
    """What is wrong with the finding that was expected."""
    if told["pid"] is not None and not is_right_process(finding, told):
        yield f"pid {finding.get('pid')}, not {told['pid'] or 'none'}"
    if told["fd"] is not None and not is_one_of(finding.get("fd"), told["fd"]):
        yield f"fd {finding.get('fd')}, not {told['fd']}"
    if "count" in told and finding["count"] != told["count"]:
        yield f"count {finding['count']}, not {told['count']}"
    if told.get("forecast") and not finding.get("forecast"):
        yield "no forecast"
    text = " ".join([finding["title"], finding["text"], *finding["evidence"],
                     *(remedy["text"] + " " + remedy.get("command", "") for remedy in finding["remedies"])]).lower()
    for word in told["why"]:
        if not any(choice.lower() in text for choice in word.split("|")):
            yield f'no word of "{word}"'


def judge(findings, told):
    """(right?, anybody wrongly blamed?, what is wrong)"""
    expected = (told["expect"] or "").split("|")
    mine = [finding for finding in findings if finding["id"] in expected]
    wrong, blamed = [], False
    if told["expect"]:
        tries = [list(objections(finding, told)) for finding in mine]
        wrong = min(tries, key=len, default=["it is not found"])
    for finding in findings:
        if finding["severity"] == "note" or finding["id"] in told["also"]:
            continue
        somebody = finding.get("pid") is not None
        if finding not in mine:
            wrong.append(f"also {finding['id']}" + (f", blaming pid {finding['pid']}" if somebody else ""))
            blamed |= somebody
        elif somebody and told["pid"] is not None and not is_right_process(finding, told):
            wrong.append(f"{finding['id']} blames pid {finding['pid']}")
            blamed = True
    return not wrong, blamed, "; ".join(dict.fromkeys(wrong))


def visit(command, name, program, folder):
    """The verdict on one animal, as a row of the table."""
    row = {"animal": name, "expected": "?", "claims": [], "got": [], "verdict": "wrong", "blamed": False, "why": ""}
    with tempfile.TemporaryDirectory(dir=folder) as own:
        animal = Animal(program, own)
        try:
            told = animal.told()
            if told is None:
                return row | {"verdict": "skipped", "why": animal.complaint()}
            row |= {"expected": told["expect"] or "nothing", "claims": told["claims"]}
            time.sleep(told.get("settle", SETTLE))
            findings = look(command, animal, told)
            row["got"] = [finding["id"] for finding in findings]
            right, row["blamed"], row["why"] = judge(findings, told)
            row["verdict"] = "right" if right else "wrong"
        except (Trouble, ValueError, KeyError, TypeError) as trouble:
            row["why"] = f"{type(trouble).__name__}: {trouble}"
        finally:
            animal.end()
    return row


# --- Saying ---

def print_row(row):
    got = " ".join(row["got"]) or "nothing"
    verdict = "BLAMED" if row["blamed"] else row["verdict"]
    print(f"{row['animal']:<28} {row['expected']:<28} {verdict:<8} {got}", flush=True)
    if row["why"]:
        print(f"{'':<28} {row['why']}", flush=True)


def total(rows):
    count = {word: sum(row["verdict"] == word for row in rows) for word in ("right", "wrong", "skipped")}
    return count | {"blamed": sum(row["blamed"] for row in rows)}


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="print the animals")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("-j", type=int, default=6, metavar="N", help="animals at a time (6)")
    parser.add_argument("command", nargs="?")
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    if not args.list and not args.command:
        parser.error("COMMAND is missing")
    if args.j < 1:
        parser.error("-j wants at least 1")
    known = set(animals()).union(*map(claims, animals().values()))
    if unknown := set(args.names) - known:
        parser.error(f"no animal is called or shows {', '.join(sorted(unknown))}")
    return args


def run(command, programs, folder, jobs, say):
    """The rows of all these animals, said as they come."""
    with ThreadPoolExecutor(jobs) as workers:
        visits = [workers.submit(visit, command, name, program, folder) for name, program in programs.items()]
        rows = []
        try:
            for each in visits:
                rows.append(each.result())
                say(rows[-1])
        except BaseException:
            workers.shutdown(wait=True, cancel_futures=True)
            raise
    return rows


def main():
    args = parse()
    if args.list:
        return print_list(animals())
    if os.geteuid() != 0:
        print("check-zoo.py: network namespaces need root", file=sys.stderr)
        return SKIP
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if not args.json:
        print(f"{'animal':<28} {'expected':<28} {'verdict':<8} got")
    with tempfile.TemporaryDirectory(prefix="zoo-") as folder:
        rows = run(os.path.abspath(args.command), compile_all(selected(args.names), folder), folder, args.j,
                   (lambda row: None) if args.json else print_row)
    count = total(rows)
    judged = count["right"] + count["wrong"]
    if args.json:
        print(json.dumps({"format": "lastack zoo 1", "animals": rows, **count}, indent=1))
    else:
        print(f"\n{count['right']} of {judged} right, {count['skipped']} skipped, {count['blamed']} wrongly blamed")
    if not judged:
        return SKIP
    return 1 if count["blamed"] or count["right"] < PASS * judged else 0


if __name__ == "__main__":
    sys.exit(main())
