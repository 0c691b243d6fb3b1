#!/usr/bin/env python3
"""The project's own packetdrill scripts: those of tests/drill pass on the stack, and those of tests/drill/negative fail,
each for the reason that its first line states. Usage: check-drill.py COMMAND

A negative script begins with `// expect: TEXT`: the first line of the failure's message must contain that text."""
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ROOT / "tests" / "drill"
EXPECT = "// expect: "
AT_LEAST = {"positive": 150, "negative": 20}
FAILED = ("fail", "broken", "malformed")


def drill(command, scripts):
    run = subprocess.run([command, "drill", "--json", "--profile", "linux", *map(str, scripts)], cwd=ROOT,
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace")
    results = {}
    for line in run.stdout.splitlines():
        result = json.loads(line)
        if "script" in result:
            results[ROOT / result["script"]] = result
    return results


def complaint_positive(result):
    if result["verdict"] != "pass":
        return f"{result['verdict']} in line {result.get('line', 0)}: {result.get('why', '').strip()}"


def complaint_negative(path, result):
    first = path.read_text().split("\n", 1)[0]
    if not first.startswith(EXPECT) or not first[len(EXPECT):].strip():
        return f"its first line is not \"{EXPECT}…\""
    expected = first[len(EXPECT):].strip()
    if result["verdict"] not in FAILED:
        return f"{result['verdict']}, and should fail because of \"{expected}\""
    if expected not in result.get("why", "").split("\n", 1)[0]:
        return f"fails for another reason than \"{expected}\": {result.get('why', '').strip()}"


def complaint(path, result):
    if result is None:
        return "gave no result"
    if not path.read_text().startswith("//"):
        return "does not begin with a comment that says what must happen"
    return complaint_negative(path, result) if path.parent.name == "negative" else complaint_positive(result)


def main(command):
    scripts = sorted(SCRIPTS.rglob("*.pkt"))
    results = drill(command, [script.relative_to(ROOT) for script in scripts])
    bad = 0
    for script in scripts:
        if text := complaint(script, results.get(script)):
            print(f"{script.relative_to(ROOT)}: {text}\n")
            bad += 1
    count = {"negative": sum(script.parent.name == "negative" for script in scripts)}
    count["positive"] = len(scripts) - count["negative"]
    for kind, least in AT_LEAST.items():
        if count[kind] < least:
            print(f"There are only {count[kind]} {kind} scripts; {least} are wanted.")
            bad += 1
    if bad:
        sys.exit(f"{bad} of {len(scripts)} scripts do otherwise than they should")
    print(f"{count['positive']} scripts pass, and {count['negative']} fail as they should")


if len(sys.argv) != 2:
    sys.exit(__doc__)
main(str(Path(sys.argv[1]).resolve()))
