#!/usr/bin/env python3
"""What people say about TCP's states, put to the test: `make claims`.

Runs the scripts of every claim of doc/claims.md on lastack, in virtual time, and those that a kernel can show on this
machine's kernel, in real time, and prints one table. The verdicts come from the table in doc/claims.md.

Usage: claims.py COMMAND [CLAIM…]     COMMAND: the lastack program; claims: c07 c31 … (all without)
Exit status: 0 when every claim that is not waiting holds on the stack, 1 otherwise. The kernel's column is a
measurement, not a condition."""
import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = Path("tests/drill/claims")
ROW = re.compile(r"^\| \[(C\d\d)\]\(#c\d\d\) \| (.*) \| ([a-z-]+) \|$", re.MULTILINE)
VERDICTS = ("true", "false", "partly", "system-specific", "waiting")
KERNEL_TRIES = 3  # Real time: a machine that is busy elsewhere may be late.


def claims_of(text):
    """{"C01": verdict, …} from the page's table."""
    claims = {claim: verdict for claim, _, verdict in ROW.findall(text)}
    if unknown := set(claims.values()) - set(VERDICTS):
        sys.exit(f"doc/claims.md: no verdict is called {', '.join(sorted(unknown))}")
    return claims


def drill(command, where, scripts):
    """{script: what lastack drill --json says of it}."""
    if not scripts:
        return {}
    run = subprocess.run([command, "drill", "--json", "--profile", "linux", "--on", where, *map(str, scripts)], cwd=ROOT,
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace")
    results = {}
    for line in run.stdout.splitlines():
        result = json.loads(line)
        if "script" in result:
            results[Path(result["script"])] = result
    return results


def drill_kernel(command, scripts):
    """The same on the kernel. What failed once may have been late, and is asked again."""
    results = {}
    for _ in range(KERNEL_TRIES):
        left = [script for script in scripts if results.get(script, {}).get("verdict", "fail") == "fail"]
        results |= drill(command, "kernel", left)
    return results


def word_of(results, script):
    return results[script]["verdict"].replace("_", " ") if script in results else "-"


def print_table(claims, scripts, stack, kernel):
    print(f"{'claim':<6} {'verdict':<16} {'stack':<15} {'kernel':<15} script")
    for claim, verdict in claims.items():
        mine = [script for script in scripts if script.name.upper().startswith(claim)]
        if not mine:
            print(f"{claim:<6} {verdict:<16} {'-':<15} {'-':<15} -")
        for script in mine:
            print(f"{claim:<6} {verdict:<16} {word_of(stack, script):<15} {word_of(kernel, script):<15} {script}")
            claim = verdict = ""


def print_failures(title, results):
    failed = {script: result for script, result in results.items() if result["verdict"] != "pass"}
    for script, result in failed.items():
        print(f"\n{title}: {script}:{result.get('line', 0)}: {result.get('why', '').strip()}")
    return failed


def main(command, *wanted):
    claims = claims_of((ROOT / "doc" / "claims.md").read_text())
    if wanted:
        claims = {claim: verdict for claim, verdict in claims.items() if claim.lower() in wanted}
    scripts = [path.relative_to(ROOT) for path in sorted((ROOT / SCRIPTS).glob("*.pkt"))
               if path.name[:3].upper() in claims]
    missing = [claim for claim, verdict in claims.items()
               if verdict != "waiting" and not any(script.name.upper().startswith(claim) for script in scripts)]
    stack = drill(command, "stack", scripts)
    kernel = drill_kernel(command, [script for script in scripts if not script.stem.endswith("-stack")])
    print_table(claims, scripts, stack, kernel)
    print_failures("kernel", kernel)
    failed = print_failures("stack", stack)
    silent = [script for script in scripts if script not in stack]
    for text in [f"{claim} has no script" for claim in missing] + [f"{script} gave no result" for script in silent]:
        print(f"\n{text}")
    held = len({s.name[:3] for s in scripts} - {s.name[:3] for s in [*failed, *silent]})
    running = sum(verdict != "waiting" for verdict in claims.values())
    print(f"\n{held} of {running} claims hold on the stack; {len(claims) - running} waiting")
    sys.exit(1 if failed or missing or silent or not running else 0)


if len(sys.argv) < 2:
    sys.exit(__doc__)
main(str(Path(sys.argv[1]).resolve()), *(name.lower() for name in sys.argv[2:]))
