#!/usr/bin/env python3
"""lastack ls, ss, netstat and lsof against the real ss, netstat and lsof, on connections staged on loopback in a network
and process namespace of its own. Usage: check-ls.py COMMAND. Exit status 77: not root, so nothing was checked."""
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.dont_write_bytecode = True  # The tree stays as it is.
import host_rig

COMMAND = None
KEEP = []  # Sockets that must stay open.


def pair(family=socket.AF_INET, address="127.0.0.1", port=0):
    """A listener, and both ends of a connection through it."""
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen(5)
    client = socket.socket(family)
    client.connect(listener.getsockname())
    server, _ = listener.accept()
    KEEP.extend([listener, client, server])
    return listener, client, server


def end_one(listener):
    """A connection through a listener that is in TIME_WAIT at its end."""
    client = socket.create_connection(("127.0.0.1", listener.getsockname()[1]))
    server, _ = listener.accept()
    server.close()
    client.close()


def stage():
    """One connection of nearly every kind that lasts."""
    pair(port=8080)
    _, client, _ = pair(port=8081)
    client.close()  # CLOSE_WAIT, and FIN_WAIT_2 without owner
    _, client, server = pair(socket.AF_INET6, "::1", 8082)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    server.send(b"x" * 100)
    _, client, server = pair(port=8085)
    server.send(b"x" * 9)
    server.close()  # CLOSE_WAIT with data before the end of file
    dual = socket.socket(socket.AF_INET6)
    dual.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    dual.bind(("::", 8083))
    dual.listen(7)
    end_one(dual)  # TIME_WAIT, IPv4 on an IPv6 socket
    half = socket.create_connection(("::1", 8083))
    server, _ = dual.accept()
    server.shutdown(socket.SHUT_WR)  # FIN_WAIT_2 with an owner
    waiting = socket.create_connection(("127.0.0.1", 8083))  # Nobody accepts it.
    KEEP.extend([dual, half, server, waiting])
    parent = os.getpid()
    shared = os.fork()  # A second holder of everything.
    if shared == 0:
        while os.getppid() == parent:
            time.sleep(0.2)
        os._exit(0)
    time.sleep(0.3)
    return shared


def run(*args, status=0, tool=None):
    """Standard output of lastack, or of a real tool, that must end with `status`."""
    command = list(args) if tool else [COMMAND, *args]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if done.returncode != status:
        raise AssertionError(f"{command}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def ours_and_theirs(*args):
    return run(*args), run(*args, tool=True)


def lines(text, *changes):
    """Lines without what may differ: spaces at their end, and what the patterns match."""
    for pattern, by in changes:
        text = re.sub(pattern, by, text)
    return [line.rstrip() for line in text.splitlines()]


SECONDS = (r"\d+\.\d\d/", "N/")
TIMER = (r"(timewait|keepalive|on|persist),[^,)]*", r"\1,T")
CGROUP = (r" cgroup:\S+", "")


class Habits(unittest.TestCase):
    maxDiff = None

    def compare(self, *args, changes=(), in_order=True):
        if not shutil.which(args[0]):
            self.skipTest(f"no {args[0]} here")
        ours, theirs = (lines(text, *changes) for text in ours_and_theirs(*args))
        if not in_order:
            ours, theirs = sorted(ours), sorted(theirs)
        self.assertEqual(ours, theirs, args)
        self.assertGreater(len(ours), 1, args)

    def test_ss(self):
        for args in (["-tan"], ["-tn"], ["-tln"], ["-tanH"], ["-t4an"], ["-t6an"], ["-tan", "state", "close-wait"],
                     ["-tan", "state", "listening"], ["-tan", "dport", "=", ":8080"], ["-tanp"], ["-tlnp"],
                     ["-tn", "exclude", "established"], ["-an", "-A", "tcp"]):
            with self.subTest(args):
                self.compare("ss", *args)

    def test_filters_mean_what_they_mean_to_ss(self):
        """Neither "and" nor "or" binds closer there."""
        for words in ("sport = :8080 or sport = :8081 and dport > :1", "sport != :8081 | sport = :8080 & sport = :8083",
                      "dport = :8080 and sport > :1 or sport = :8085", "src [::1] or sport = :8080 dst 127.0.0.1",
                      "not sport = :8080 or src 127.0.0.1 dport > :8000", "src 127.0.0.0/8 and not ( dport le :8081 )",
                      "state close-wait state fin-wait-2 exclude close-wait sport = :8083 or dport != :1 src [::1]"):
            with self.subTest(words):
                self.compare("ss", "-tan", *words.split())

    def test_bound_sockets_are_no_listeners(self):
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 8090))
            for args in (["ss", "-tln"], ["ss", "-tan"], ["netstat", "-tln"], ["netstat", "-tnla"]):
                self.compare(*args)
            self.assertIn(":8090", run("ss", "-tan", "state", "closed"))

    def test_names_stay_in_their_place(self):
        """A program may call itself anything; scripts cut at spaces and quotes."""
        with open("/proc/self/comm", "w", encoding="ascii") as comm:
            comm.write('a b",pid=1')
        try:
            users = run("ss", "-Htlnp", "src", ":8080")
            commands = run("lsof", "-nP", "+c0", "-iTCP:8080", "-sTCP:LISTEN")
        finally:
            with open("/proc/self/comm", "w", encoding="ascii") as comm:
                comm.write("python3")
        self.assertIn(f'("a b?,pid=1",pid={os.getpid()},', users)
        self.assertIn('a\\x20b",pid=1 ', commands)

    def test_ss_with_timers_and_details(self):
        self.compare("ss", "-tanpo", changes=[TIMER])
        self.compare("ss", "-tane", changes=[TIMER, CGROUP])

    def test_netstat(self):
        for args in (["-tan"], ["-tn"], ["-tln"], ["-tanp"], ["-tlnp"], ["-tane"], ["-tanW"]):
            with self.subTest(args):
                self.compare("netstat", *args)
        self.compare("netstat", "-tanpeo", changes=[SECONDS])

    def test_lsof(self):
        for args in (["-nP", "-i"], ["-nPi4"], ["-nP", "-i6TCP"], ["-nPiTCP:8080"], ["-nP", "-i", ":8083"],
                     ["-nPi@127.0.0.1:8081"], ["-nPi@[::1]"], ["-nPiTCP", "-sTCP:CLOSE_WAIT"],
                     ["-nPiTCP", "-sTCP:^LISTEN,^ESTABLISHED"], ["-t", "-i:8080"], ["-nP", "-a", "-i", "-p", str(os.getpid())],
                     ["-nPi", "-Tqs"], ["-nPi", "-T"], ["-nPi", "+c", "0"], ["-nPi", "-FpcfnT"], ["-nPi", "-FpnP0"]):
            with self.subTest(args):
                self.compare("lsof", *args)
        self.assertEqual(run("lsof", "-i:1", status=1), "")

    def test_by_name(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("ss", "netstat"):
                link = os.path.join(folder, name)
                os.symlink(os.path.abspath(COMMAND), link)
                self.assertEqual(lines(run(link, "-tan", tool=True)), lines(run(name, "-tan")))

    def test_what_is_not_tcp_is_refused(self):
        for args in (["ss", "-u"], ["ss", "-x"], ["ss", "-K"], ["netstat", "-u"], ["netstat", "-r"], ["lsof", "-iUDP"],
                     ["lsof", "/etc/passwd"], ["lsof", "+D", "/"], ["lsof", "+cx", "-i"], ["ls", "-K"], ["ls", "-x"], ["ls", "--by", "nonsense"],
                     ["ls", "--sort", "count"], ["ls", "--by", "state", "--json"], ["ls", "dport", "=", ":99999"]):
            with self.subTest(args):
                self.assertEqual(run(*args, status=2), "")
        self.assertIn("LISTEN", run("ss", "-tulpn"))
        self.assertIn("LISTEN", run("netstat", "-tulpn"))


class Ls(unittest.TestCase):
    def rows(self, *args):
        """Columns are at least two spaces apart."""
        header, *rows = [re.split(r" {2,}", line.strip()) for line in run("ls", *args).splitlines()]
        return [dict(zip(header, row)) for row in rows]

    def test_states_as_of_ss(self):
        ours = sorted(row["STATE"] for row in self.rows("-a"))
        names = {"ESTAB": "ESTABLISHED", "SYN-RECV": "SYN_RCVD"}
        theirs = [line.split()[0] for line in run("ss", "-tanH", tool=True).splitlines()]
        self.assertEqual(ours, sorted(names.get(state, state).replace("-", "_") for state in theirs))

    def test_listeners_only_when_asked(self):
        self.assertNotIn("LISTEN", {row["STATE"] for row in self.rows()})
        self.assertEqual({row["STATE"] for row in self.rows("-l")}, {"LISTEN"})
        self.assertEqual({row["STATE"] for row in self.rows("state", "listening")}, {"LISTEN"})
        self.assertIn("LISTEN", {row["STATE"] for row in self.rows("-tan")})

    def test_owners(self):
        me = os.getpid()
        for row in self.rows("state", "close-wait"):
            self.assertIn(f" {me}/", row["OWNER"])
            self.assertIn(", ", row["OWNER"])  # The child holds it as well.
        waiting = [row["OWNER"] for row in self.rows("src", ":8083") if row["STATE"] == "ESTABLISHED"]
        self.assertEqual(waiting, ["not accepted yet"])

    def test_queues_are_bytes_of_data(self):
        rows = self.rows("state", "close-wait", "dport", "=", ":8085")
        self.assertEqual([row["RECV-Q"] for row in rows], ["9"])

    def test_age_and_timer(self):
        for row in self.rows("-a"):
            if row["STATE"] != "LISTEN":
                self.assertRegex(row["AGE"], r"^(>= )?[\d.]+ (ms|s|min)(-[\d.]+ (ms|s|min))?$")
        with socket.create_server(("127.0.0.1", 8087)) as listener:
            end_one(listener)
        row, = self.rows("state", "time-wait", "sport", "=", ":8087")
        self.assertRegex(row["TIMER"], r"^time-wait \d+ s$")
        self.assertEqual(row["OWNER"], "kernel")

    def test_groups(self):
        rows = self.rows("-a", "--by", "state,local-port", "--sort", "local-port,-count")
        counts = {(row["STATE"], row["LOCAL-PORT"]): int(row["COUNT"]) for row in rows}
        self.assertEqual(counts["LISTEN", "8080"], 1)
        self.assertEqual([int(row["LOCAL-PORT"]) for row in rows], sorted(int(row["LOCAL-PORT"]) for row in rows))
        self.assertEqual(sum(counts.values()), len(self.rows("-a")))

    def test_sorting(self):
        queues = [int(row["RECV-Q"]) for row in self.rows("--sort", "-recv-q,state")]
        self.assertEqual(queues, sorted(queues, reverse=True))

    def test_families(self):
        self.assertTrue(all("[" not in row["LOCAL"] for row in self.rows("-4")))
        self.assertEqual(len(self.rows("-4")) + len(self.rows("-6")), len(self.rows()))

    def test_wide(self):
        row = self.rows("--wide", "src", ":8080")[0]
        cookie = re.search(r"ino:(\d+) sk:([0-9a-f]+)", run("ss", "-tne", "src", ":8080", tool=True))
        self.assertEqual((row["INODE"], row["COOKIE"]), cookie.groups())
        self.assertIn("check-ls.py", row["COMMAND"])

    def test_a_terminal_is_never_too_narrow(self):
        script = shutil.which("script") or self.skipTest("no script here")
        for width in (40, 59, 60, 80, 133, 300):
            words = f"stty cols {width}; {COMMAND} ls -a; {COMMAND} ls -a --by program,state 2>/dev/null"
            shown = run(script, "-qec", words, "/dev/null", tool=True)
            shown = re.sub(r"\x1b\[[\d;]*m", "", shown)
            widest = max(len(line) for line in shown.splitlines() if not line.startswith("lastack"))
            self.assertLessEqual(widest, width)

    def test_a_full_disk_is_told(self):
        for args in (["ls"], ["ls", "--json"], ["ss", "-tan"], ["netstat", "-tan"], ["lsof", "-i"]):
            with open("/dev/full", "w", encoding="ascii") as full:
                done = subprocess.run([COMMAND, *args], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
            self.assertEqual(done.returncode, 2, args)
            self.assertIn("standard output", done.stderr)

    def test_json_tells_elsewhere_what_is_told_here(self):
        time.sleep(2.5)  # What should pass has passed, and is a finding.
        document = run("ls", "--json")
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            file.write(document)
            file.flush()
            done = [subprocess.run([COMMAND, "why", "--json", *args], capture_output=True, text=True, check=False)
                    for args in ([], ["--from", file.name])]
        here, there = ([(finding["id"], finding.get("pid"), finding["count"], finding["severity"])
                        for finding in json.loads(one.stdout)["findings"]] for one in done)
        self.assertEqual(here, there)
        self.assertEqual(done[0].returncode, done[1].returncode)
        self.assertTrue([1 for finding in there if finding[0].startswith("close-wait-")])

    def test_json_is_what_its_schema_says(self):
        try:
            import jsonschema
        except ImportError:
            self.skipTest("no jsonschema here")
        schema = Path(__file__).resolve().parent.parent / "doc/snapshot.schema.json"
        document = json.loads(run("ls", "--json"))
        jsonschema.Draft202012Validator(json.loads(schema.read_text())).validate(document)
        self.assertIn("inet6", {mark for conn in document["connections"] for mark in conn.get("marks", [])})

    def test_json_is_read_back(self):
        document = json.loads(run("ls", "--json"))
        self.assertEqual(document["format"], "lastack snapshot 1")
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(document, file)
            file.flush()
            self.assertEqual(len(self.rows("-a", "--from", file.name)), len(self.rows("-a")))
            self.assertEqual(lines(run("ss", "-tan", "--from", file.name)), lines(run("ss", "-tan")))
        some = json.loads(run("ls", "--json", "state", "close-wait"))
        self.assertEqual(len(some["connections"]), len(self.rows("state", "close-wait")))


def main():
    global COMMAND
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    host_rig.enter()
    COMMAND = os.path.abspath(sys.argv[1])
    os.environ["LC_ALL"] = "C"
    shared = stage()
    program = unittest.main(argv=sys.argv[:1], exit=False)
    os.kill(shared, 9)
    os.waitpid(shared, 0)
    sys.exit(not program.result.wasSuccessful())


if __name__ == "__main__":
    main()
