#!/usr/bin/env python3
"""Two runners, one stack: `make cross-drill PACKETDRILL=PATH DIR=SCRIPTS`.

Every script below DIR runs twice: with the original packetdrill (Google's), which drives lastack through its
--so_filename interface, and with `lastack drill`. A script on whose verdict they differ is a mistake of one of the two
runners, because the TCP is the same.

Usage: cross-drill.py LASTACK PLUGIN PACKETDRILL SCRIPTS
       LASTACK: the command; PLUGIN: liblastack-packetdrill.so; PACKETDRILL: the original; SCRIPTS: a directory or script
Exit status: 0 when they agree about every script that both can run, 1 otherwise, 2 when something is missing."""
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TIMEOUT = 30

# How the original ends when the plugin ends it.
NOT_APPLICABLE = 77
BEYOND = 78
# What it says of words that only nplab's packetdrill knows.
UNKNOWN = re.compile(r"unknown symbol|Unknown system call|NameError: name 'TCPI_")

# What the original is given where a script does not say its own, because its defaults are not lastack drill's.
V4 = {"local_ip": "192.168.0.1", "gateway_ip": "192.168.0.1", "netmask_ip": "255.255.0.0", "remote_ip": "192.0.2.1"}
V6 = {"local_ip": "fd3d:fa7b:d17d::1", "gateway_ip": "fd3d:fa7b:d17d::2", "remote_ip": "2001:db8::1"}
# Of a script that is for any version.
FORCED_V6 = {"ip_version": "ipv6", "local_ip": "fd3d:a0b:17d6::1", "gateway_ip": "fd3d:a0b:17d6:8888::1",
             "remote_ip": "fd3d:fa7b:d17d::1", "mtu": "1520"}
COOKIE = "3021b9d889017eeb"
DEFINES = {
    "ipv4": {"TFO_COOKIE": COOKIE, "CODE": "host_unreachable", "CMSG_LEVEL_IP": "SOL_IP", "CMSG_TYPE_RECVERR": "IP_RECVERR"},
    "ipv6": {"TFO_COOKIE": "c1d1e9742a47a9bc", "CMSG_LEVEL_IP": "SOL_IPV6", "CMSG_TYPE_RECVERR": "IPV6_RECVERR"},
    "ipv4-mapped-ipv6": {"TFO_COOKIE": COOKIE, "CODE": "host_unreachable", "CMSG_LEVEL_IP": "SOL_IPV6",
                         "CMSG_TYPE_RECVERR": "IPV6_RECVERR"},
}
# What only the original's command line knows, or only the script's reader.
NOT_FOR_THE_STACK = ("netmask_ip", "define")


def own_options(script):
    """{name: value} of the options at a script's head; a flag's value is ""."""
    text = re.sub(r"/\*.*?\*/|//[^\n]*|#[^\n]*", " ", script.read_text(errors="replace"), flags=re.DOTALL)
    options = {}
    for word in text.split():
        if word.startswith("`"):  # The command before the first event.
            break
        if not (match := re.fullmatch(r"--(\w+)(?:=(.*))?", word)):
            break
        options[match[1]] = match[2] or ""
    return options


def word_of(name, value):
    return f"{name}={value}" if value else name


class Original:
    def __init__(self, tool, plugin, lastack):
        self.tool, self.plugin, self.lastack = tool, plugin, lastack

    def verdict(self, script, ours):
        """(verdict, why): pass, fail, skipped, not parsed or beyond."""
        version, own = ours.get("ip_version", "ipv4"), own_options(script)
        given = V4 if version != "ipv6" else V6 if "ip_version" in own else FORCED_V6
        options = {name: value for name, value in given.items() if name not in own}
        arguments = [f"--{name}={value}" for name, value in options.items()]
        arguments += [f"--define={name}={value}" for name, value in DEFINES[version].items()]
        if (run := self.run(script, [*arguments, "--dry_run"], {})).returncode:
            return "not parsed", run.stderr
        words = [f"lastack={self.lastack}", f"script={script}"]
        words += [word_of(*item) for item in (options | own).items() if item[0] not in NOT_FOR_THE_STACK]
        flags = " ".join(words)
        arguments += [f"--so_filename={self.plugin}", f"--so_flags={flags}"]
        try:
            run = self.run(script, arguments, {"LD_PRELOAD": str(self.plugin)})
        except subprocess.TimeoutExpired:
            return "fail", f"it was still running after {TIMEOUT} s"
        if UNKNOWN.search(run.stderr):
            return "beyond", run.stderr
        verdicts = {0: "pass", NOT_APPLICABLE: "skipped", BEYOND: "beyond"}
        return verdicts.get(run.returncode, "fail"), run.stderr or f"exit status {run.returncode}"

    def run(self, script, arguments, environment):
        return subprocess.run([self.tool, *arguments, script.name], cwd=script.parent, env=os.environ | environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                              errors="replace", timeout=TIMEOUT)


def drill(lastack, scripts):
    """What lastack drill says of each script, in order."""
    run = subprocess.run([lastack, "drill", "--json", scripts], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                         errors="replace")
    return [result for result in map(json.loads, run.stdout.splitlines()) if "script" in result]


def compare(original, ours):
    """(how they compare, ours, the original's, why)."""
    mine = {"not_applicable": "skipped", "broken": "fail"}.get(ours["verdict"], ours["verdict"])
    if mine == "skipped":
        return "skipped", mine, "", ""
    theirs, why = original.verdict(Path(ours["script"]).absolute(), ours)
    if theirs in ("skipped", "not parsed", "beyond"):
        return theirs, mine, theirs, why
    return "agree" if mine == theirs else "differ", mine, theirs, why


def missing(what):
    print(what, file=sys.stderr)
    sys.exit(2)


def first_line(text):
    return next(iter(text.strip().splitlines()), "")


def main(lastack, plugin, tool, scripts):
    if not (found := shutil.which(tool)):
        missing(f"{tool}: there is no such program. The original is Google's packetdrill (github.com/google/packetdrill, "
                "gtests/net/packetdrill): build it and say PACKETDRILL=PATH.")
    if not scripts or not Path(scripts).exists():
        missing(f"{scripts or 'No scripts'}: say DIR=PATH, a directory with scripts.")
    original = Original(str(Path(found).absolute()), Path(plugin).absolute(), Path(lastack).absolute())
    results = drill(lastack, scripts)
    if not results:
        missing(f"{scripts}: lastack drill finds no scripts there.")
    count = Counter()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for ours, (how, mine, theirs, why) in zip(results, pool.map(lambda ours: compare(original, ours), results)):
            count[how] += 1
            if how != "differ":
                continue
            print(f"{ours['script']}: the original says {theirs}, lastack drill {mine}")
            for name, text in (("original", why if theirs != "pass" else ""), ("lastack", ours.get("why", ""))):
                if text:
                    print(f"    {name}: {first_line(text)}")
    print(f"{count['agree']} agree, {count['differ']} differ, {count['not parsed']} not parsed by the original, "
          f"{count['beyond']} with words and packets that only nplab's packetdrill knows, "
          f"{count['skipped']} skipped: the stack does not have what they need")
    sys.exit(count["differ"] > 0)


if len(sys.argv) != 5:
    sys.exit(__doc__)
main(*sys.argv[1:])
