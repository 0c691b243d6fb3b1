#!/usr/bin/env python3
"""What people say about TCP's states, put to the test: `make claims`.

Three kinds of evidence, one table. Stack: the scripts of every claim of doc/claims.md, on lastack in virtual time.
Kernel: those scripts that a kernel can show, on this machine's in real time. Host: the programs of tests/zoo that show
the claim, each in a network namespace of its own; `lastack why` must name what is wrong, and blame nobody else. The
verdicts come from the table in doc/claims.md.

Usage: claims.py COMMAND [CLAIM…]     COMMAND: the lastack program; claims: c07 c31 … (all without)
Exit status: 0 when every claim that is not waiting holds on the stack and on the host, 1 otherwise. Without root the
host is not asked. The kernel's column is a measurement, not a condition."""
import importlib
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

zoo = importlib.import_module("check-zoo")

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = Path("tests/drill/claims")
ROW = re.compile(r"^\| \[(C\d\d)\]\(#c\d\d\) \| (.*) \| ([a-z-]+) \|$", re.MULTILINE)
VERDICTS = ("true", "false", "partly", "system-specific", "waiting")
TRIES = 3  # In real time: a machine that is busy elsewhere may be late.
JOBS = 4  # Programs of the zoo at a time.


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
    for _ in range(TRIES):
        left = [script for script in scripts if results.get(script, {}).get("verdict", "fail") == "fail"]
        results |= drill(command, "kernel", left)
    return results


def visit_zoo(command, claims):
    """{animal: what check-zoo.py says of it} for all that show these claims; {} without root. Who was wrong once may
    have been late, and is asked again; who blamed somebody wrongly is not."""
    rows, left = {}, zoo.selected(claims)
    if os.geteuid() != 0:
        return rows
    with tempfile.TemporaryDirectory(prefix="claims-") as folder:
        programs = zoo.compile_all(left, folder)
        for _ in range(TRIES):
            for row in zoo.run(command, {name: programs[name] for name in left}, folder, JOBS, lambda row: None):
                rows[row["animal"]] = row
            left = [name for name in left if rows[name]["verdict"] == "wrong" and not rows[name]["blamed"]]
            if not left:
                break
    return rows


def word_of(results, script):
    return results[script]["verdict"].replace("_", " ") if script in results else "-"


def word_of_zoo(rows, animals):
    """"pass" for one, "3 of 3 pass" for several."""
    judged = [rows[name]["verdict"] for name in animals if name in rows and rows[name]["verdict"] != "skipped"]
    if len(judged) > 1:
        return f"{judged.count('right')} of {len(judged)} pass"
    return "-" if not judged else "pass" if judged == ["right"] else "fail"


def scripts_of(claim, scripts):
    return [script for script in scripts if script.name.upper().startswith(claim)]


def print_table(claims, scripts, animals, stack, kernel, host):
    form = "{:<6} {:<16} {:<15} {:<15} {:<15} {}"
    print(form.format("claim", "verdict", "stack", "kernel", "host", "shown by"))
    for claim, verdict in claims.items():
        lines = [(word_of(stack, script), word_of(kernel, script), "-", script)
                 for script in scripts_of(claim, scripts)]
        if mine := animals[claim]:
            shown = f"{zoo.animals()[mine[0]].relative_to(ROOT)}" + (f" and {len(mine) - 1} more" if mine[1:] else "")
            lines.append(("-", "-", word_of_zoo(host, mine), shown))
        for stack_word, kernel_word, host_word, shown in lines or [("-", "-", "-", "-")]:
            print(form.format(claim, verdict, stack_word, kernel_word, host_word, shown))
            claim = verdict = ""


def print_failures(title, results):
    failed = {script: result for script, result in results.items() if result["verdict"] != "pass"}
    for script, result in failed.items():
        print(f"\n{title}: {script}:{result.get('line', 0)}: {result.get('why', '').strip()}")
    return failed


def print_wrong(rows):
    """What the host showed otherwise; the names."""
    wrong = {name: row for name, row in rows.items() if row["verdict"] == "wrong" or row["blamed"]}
    for name, row in wrong.items():
        print(f"\nhost: {zoo.animals()[name].relative_to(ROOT)}: expected {row['expected']}: {row['why']}")
    return wrong


def held(evidence, broken):
    """How many claims have evidence of a kind, all of it sound, and how many have any: "12 of 12"."""
    having = [mine for mine in evidence if mine]
    return f"{sum(broken.isdisjoint(mine) for mine in having)} of {len(having)}"


def main(command, *wanted):
    claims = claims_of((ROOT / "doc" / "claims.md").read_text())
    if wanted:
        claims = {claim: verdict for claim, verdict in claims.items() if claim.lower() in wanted}
    scripts = [path.relative_to(ROOT) for path in sorted((ROOT / SCRIPTS).glob("*.pkt"))
               if path.name[:3].upper() in claims]
    animals = {claim: list(zoo.selected([claim])) for claim in claims}
    stack = drill(command, "stack", scripts)
    kernel = drill_kernel(command, [script for script in scripts if not script.stem.endswith("-stack")])
    host = visit_zoo(command, list(claims)) if claims else {}
    print_table(claims, scripts, animals, stack, kernel, host)
    print_failures("kernel", kernel)
    broken = set(print_failures("stack", stack)) | {script for script in scripts if script not in stack}
    wrong = set(print_wrong(host))
    missing = [claim for claim, verdict in claims.items()
               if verdict != "waiting" and not scripts_of(claim, scripts) and not animals[claim]]
    for text in [f"{claim} has neither script nor program" for claim in missing] + \
            [f"{script} gave no result" for script in scripts if script not in stack]:
        print(f"\n{text}")
    on_stack = held([scripts_of(claim, scripts) for claim in claims], broken)
    on_host = held([[name for name in mine if name in host] for mine in animals.values()], wrong)
    asked = f"{on_host} on this host" if os.geteuid() == 0 else "the host was not asked, which needs root"
    waiting = sum(verdict == "waiting" for verdict in claims.values())
    print(f"\n{on_stack} claims hold on the stack; {asked}; {waiting} waiting")
    sys.exit(1 if broken or wrong or missing or waiting == len(claims) else 0)


if len(sys.argv) < 2:
    sys.exit(__doc__)
main(str(Path(sys.argv[1]).resolve()), *(name.lower() for name in sys.argv[2:]))
