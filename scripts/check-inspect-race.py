#!/usr/bin/env python3
"""lastack's eyes on a host that does not hold still, and with the rights of a nobody.

Usage: check-inspect-race.py [--seconds N] COMMAND     COMMAND: the lastack program

Race: during N seconds (15) at least 1,000 short-lived processes open, share, pass on and drop connections, and network
namespaces come and go, while ls, why, ss and lsof run all the time. Nothing may crash, no sanitizer may complain, every
exit status and every document must be right.
Rights: as nobody, and with one capability each, what can be seen is, the rest is named together with what would show
it, and fix refuses by a sentence. It all runs in namespaces of its own (network, processes, mounts).
Exit status: 0; 1 when something is wrong; 77 when not root."""
import argparse
import array
import ctypes
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

SKIP, NOBODY = 77, 65534
INSIDE = "CHECK_INSPECT_RACE_INSIDE"
BREEDERS, PROCESSES, LIMIT = 4, 1000, 60  # LIMIT: seconds that a command may take.
CLONE_NEWNET, PR_SET_DUMPABLE, CLOSE_WAIT = 0x40000000, 4, 8
SEVERITIES = {"note": 0, "warning": 1, "harm": 3}
COMPLAINTS = ("AddressSanitizer", "LeakSanitizer", "runtime error:")
LOOKS = (["ls"], ["why"], ["ls", "--json"], ["why", "--json"], ["why", "--all-netns", "--json"],
         ["ls", "--all-netns", "--wide"], ["ss", "-tanp"], ["lsof", "-i"], ["why", "--all-netns", "--notes"],
         ["ls", "--all-netns", "--json"], ["watch", "--log", "--moves", "--for", "1"])
libc = ctypes.CDLL(None, use_errno=True)
options = None


def go_inside():
    """Begins again as the first process of namespaces of its own: all others end with it."""
    if os.environ.get(INSIDE):
        return
    enter = ["unshare", "--net", "--pid", "--mount", "--mount-proc", "--fork", "--kill-child"]
    if subprocess.run([*enter, "true"]).returncode != 0:
        print("check-inspect-race.py: namespaces cannot be made here", file=sys.stderr)
        sys.exit(SKIP)
    os.environ[INSIDE] = "1"
    os.execvp(enter[0], [*enter, sys.executable, "-B", *sys.argv])


def prepare():
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    os.makedirs("/run/netns", exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run/netns"], check=True)  # Names that nobody else sees.


def look(words, status, user=(), limit=LIMIT):
    """Runs a command, which must end by itself with one of these statuses and without a sanitizer's complaint."""
    run = subprocess.run([*user, options.command, *words], stdin=subprocess.DEVNULL, capture_output=True, timeout=limit)
    said = (run.stdout + run.stderr).decode(errors="replace")
    if run.returncode not in status or any(complaint in said for complaint in COMPLAINTS):
        raise AssertionError(f"lastack {' '.join(words)}: exit status {run.returncode}\n{said[-4000:]}")
    return run


def check_findings(run):
    """The findings of why --json; they must agree with its exit status."""
    document = json.loads(run.stdout.decode())
    assert document["format"] == "lastack findings 1", document["format"]
    worst = 0
    for finding in document["findings"]:
        worst = max(worst, SEVERITIES[finding["severity"]])
        assert finding["title"].strip() and finding.get("pid", 1) > 0 and finding.get("fd", 0) >= 0, finding
        age = finding.get("age", {})
        assert age.get("most") is None or age["least"] <= age["most"], finding
    assert run.returncode == worst, f"exit status {run.returncode}, and the findings mean {worst}"
    return document


def check_snapshot(run):
    """What ls --json wrote; everything it refers to must be there."""
    document = json.loads(run.stdout.decode())
    assert document["format"] == "lastack snapshot 1", document["format"]
    nprocs = len(document["processes"])
    for conn in document["connections"]:
        for owner in conn.get("owners", []):
            assert 0 <= owner["process"] < nprocs and owner.get("fd", 0) >= 0, conn
    assert all(process["pid"] > 0 and process["program"] for process in document["processes"])
    return document


# --- Processes that do not hold still ---

def short_life(listener, chosen):
    """A process that opens a few connections, does something with them and ends."""
    clients = [socket.create_connection(listener.getsockname()) for _ in range(chosen.randrange(1, 4))]
    servers = [listener.accept()[0] for _ in clients]
    for sock in servers + clients:
        sock.settimeout(1)
    if chosen.random() < 0.3 and os.fork() == 0:  # Somebody else has them, too.
        time.sleep(chosen.random() / 10)
        os._exit(0)
    if chosen.random() < 0.3:  # One is left in a message.
        left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        numbers = array.array("i", [servers[0].fileno()])
        left.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, numbers)])
        servers.pop(0).close()
        clients += [left, right]
    for client in clients[:1]:
        client.shutdown(socket.SHUT_WR) if chosen.random() < 0.5 else client.close()
    if chosen.random() < 0.2:
        libc.unshare(CLONE_NEWNET)  # A namespace that goes with this process.
        socket.create_server(("0.0.0.0", 0))
    time.sleep(chosen.random() / 20)


def breed(number, until, counted):
    """Has children until the time is over; says how many."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    chosen, count = random.Random(number), 0
    listener = socket.create_server((f"127.0.3.{number + 1}", 0), backlog=1024)
    while time.monotonic() < until:
        if os.fork() == 0:
            try:
                chosen.seed((number, count).__hash__())
                short_life(listener, chosen)
            except OSError:
                pass
            finally:
                os._exit(0)
        count += 1
        time.sleep(0.01)
    os.write(counted, b"%d\n" % count)


def shake_namespaces(until):
    """Namespaces with a name come and go, with a listener in some."""
    number = 0
    while time.monotonic() < until:
        name = f"la-race-{number % 5}"
        subprocess.run(["ip", "netns", "add", name], stderr=subprocess.DEVNULL)
        subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], stderr=subprocess.DEVNULL)
        time.sleep(0.02)
        subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL)
        number += 1


def watch_closely(first, until, troubles, looked):
    """Looks in every way, by turns, until the time is over."""
    turn = first
    while time.monotonic() < until and not troubles:
        words = LOOKS[turn % len(LOOKS)]
        try:
            run = look(words, {0, 1, 3} if words[0] == "why" else {0})
            if words[-1] == "--json":
                check_findings(run) if words[0] == "why" else check_snapshot(run)
            looked.append(words)
        except Exception as trouble:  # Said by the main thread.
            troubles.append(f"{' '.join(words)}: {type(trouble).__name__}: {trouble}")
        turn += 2


class Race(unittest.TestCase):
    def test_nothing_holds_still(self):
        until, troubles, looked = time.monotonic() + options.seconds, [], []
        there, counted = os.pipe()
        for number in range(BREEDERS):
            if os.fork() == 0:
                try:
                    breed(number, until, counted)
                finally:
                    os._exit(0)
        os.close(counted)
        threads = [threading.Thread(target=watch_closely, args=(first, until, troubles, looked)) for first in (0, 1)]
        threads.append(threading.Thread(target=shake_namespaces, args=(until,)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with os.fdopen(there) as counts:
            born = sum(map(int, counts))
        self.assertEqual(troubles, [])
        self.assertGreaterEqual(born, PROCESSES)
        self.assertTrue({words[0] for words in looked} >= {"ls", "why", "ss"}, looked)
        print(f"{born} processes, {len(looked)} looks")


# --- The rights of a nobody ---

def hold(uid, said):
    """As this user, holds a connection in CLOSE_WAIT for good; says its descriptor and port."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    libc.prctl(PR_SET_DUMPABLE, 1)  # The change of user took that away.
    listener, client = socket.socket(), socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    client.connect(listener.getsockname())
    server = listener.accept()[0]
    client.send(b"x")
    client.shutdown(socket.SHUT_WR)
    os.write(said, b"%d %d" % (server.fileno(), listener.getsockname()[1]))
    signal.pause()


def holder(uid):
    """Another process that does so. (pid, descriptor, port)"""
    there, here = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            hold(uid, here)
        finally:
            os._exit(1)
    os.close(here)
    number, port = map(int, os.read(there, 100).split())
    os.close(there)
    return pid, number, port


def as_nobody(*capabilities):
    """The words that run a command as nobody, with these capabilities."""
    words = ["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups"]
    if capabilities:
        names = ",".join(f"+{name}" for name in capabilities)
        words += [f"--inh-caps={names}", f"--ambient-caps={names}"]
    return words


class Rights(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="race-")
        os.chmod(cls.folder.name, 0o755)
        cls.command, options.command = options.command, shutil.copy(options.command, cls.folder.name)

    @classmethod
    def tearDownClass(cls):
        options.command = cls.command
        cls.folder.cleanup()

    def setUp(self):
        self.others, self.own = holder(0), holder(NOBODY)
        time.sleep(2.5)  # Long enough in CLOSE_WAIT to be worth a word.

    def tearDown(self):
        for pid, _, _ in (self.others, self.own):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)

    def snapshot(self, user):
        document = check_snapshot(look(["ls", "--json"], {0}, user))
        held = {}
        for conn in document["connections"]:
            if conn["state"] == "CLOSE_WAIT":
                pids = [document["processes"][owner["process"]]["pid"] for owner in conn.get("owners", [])]
                held[conn["local"]["port"]] = (conn, pids)
        return document, held

    def findings(self, user):
        return check_findings(look(["why", "--json"], {0, 1, 3}, user))

    def blamed(self, document):
        return {finding["pid"] for finding in document["findings"] if "pid" in finding}

    def is_there(self, holder):
        """Whether its connection is still in CLOSE_WAIT."""
        with open("/proc/net/tcp") as table:
            rows = [line.split() for line in table]
        return any(row[1].endswith(f":{holder[2]:04X}") and int(row[3], 16) == CLOSE_WAIT for row in rows[1:])

    def test_ls_shows_all_connections_and_own_owners(self):
        document, held = self.snapshot(as_nobody())
        for holder, pids in ((self.own, [self.own[0]]), (self.others, [])):
            conn, found = held[holder[2]]
            self.assertEqual(found, pids)
            self.assertEqual(conn["recv_queue"], 1)
            self.assertGreaterEqual(conn["age"]["least"], 2)
        self.assertTrue(any("root" in blind.get("need", "") for blind in document["blinds"]), document["blinds"])
        self.assertIn(b"not seen", look(["ls"], {0}, as_nobody()).stderr)

    def test_why_blames_only_whom_it_sees(self):
        document = self.findings(as_nobody())
        self.assertIn(self.own[0], self.blamed(document))
        self.assertNotIn(self.others[0], self.blamed(document))
        self.assertIn("close-wait-unseen", [finding["id"] for finding in document["findings"]])
        self.assertTrue(any("root" in blind.get("need", "") for blind in document["blinds"]), document["blinds"])
        self.assertIn(b"run as root", look(["why"], {1, 3}, as_nobody()).stdout)

    def test_fix_refuses_what_is_not_ones_own(self):
        for cure in ("--nudge", "--close", "--reset"):
            run = look(["fix", cure, "--yes", f"{self.others[0]}/{self.others[1]}"], {1, 2}, as_nobody())
            self.assertRegex(run.stdout + run.stderr, rb"(?i)root|CAP_|permitted|allowed")
        run = look(["fix", "--close", "--yes", "state", "close-wait", "sport", "=", f":{self.others[2]}"], {1, 2},
                   as_nobody())
        self.assertRegex(run.stdout + run.stderr, rb"(?i)root|CAP_")
        self.assertTrue(self.is_there(self.others))

    def test_fix_cures_ones_own(self):
        look(["fix", "--close", "--yes", f"{self.own[0]}/{self.own[1]}"], {0}, as_nobody())
        self.assertFalse(self.is_there(self.own))

    def test_watch_polls_and_says_why(self):
        said = look(["watch", "--log", "--for", "2"], {0}, as_nobody()).stdout.decode()
        self.assertRegex(said.splitlines()[0], r"^# polled every 1 s; no events: .*(root|CAP_)")

    def test_the_right_to_look(self):
        user = as_nobody("sys_ptrace", "dac_read_search")
        _, held = self.snapshot(user)
        self.assertEqual(held[self.others[2]][1], [self.others[0]])
        self.assertIn(self.others[0], self.blamed(self.findings(user)))

    def test_half_the_right_to_look(self):
        for capability in ("sys_ptrace", "dac_read_search"):
            document = self.findings(as_nobody(capability))
            self.assertIn(self.own[0], self.blamed(document))
            if self.others[0] not in self.blamed(document):
                self.assertTrue(any("CAP_" in blind.get("need", "") for blind in document["blinds"]), capability)

    def test_the_right_to_change_the_network(self):
        user = as_nobody("net_admin")
        self.assertNotIn(self.others[0], self.blamed(self.findings(user)))
        run = look(["fix", "--reset", "--yes", "state", "close-wait", "sport", "=", f":{self.others[2]}"], {0}, user)
        self.assertFalse(self.is_there(self.others), run.stdout)


def main():
    global options
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=15, metavar="N", help="how long the race takes (15)")
    parser.add_argument("command")
    options = parser.parse_args()
    options.command = os.path.abspath(options.command)
    if os.geteuid() != 0:
        print("check-inspect-race.py: namespaces need root", file=sys.stderr)
        return SKIP
    go_inside()
    prepare()
    return 0 if unittest.main(argv=sys.argv[:1], exit=False, warnings="ignore").result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
