#!/usr/bin/env python3
"""Every rung of lastack fix on live processes: what the owners and the peer then see. It runs in a network namespace of
its own and needs root (exit status 77 otherwise). Usage: check-fix.py COMMAND"""
import fcntl
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

COMMAND = None
NOBODY = 65534
IN, OUT, ERR, HUP, RDHUP = 1, 4, 8, 16, 0x2000
STATES = {1: "ESTABLISHED", 2: "SYN_SENT", 3: "SYN_RCVD", 4: "FIN_WAIT_1", 5: "FIN_WAIT_2", 6: "TIME_WAIT",
          8: "CLOSE_WAIT", 9: "LAST_ACK", 10: "LISTEN", 11: "CLOSING"}

# A process that does what it is told: lines of Python in, results (or the name of the errno) out.
PUPPET = """
import ctypes, errno, os, select, signal, socket, struct, sys, time
EDGE = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET
def serve(commands, answers):
    for line in commands:
        text = eval(line)
        try:
            try:
                code = compile(text, "puppet", "eval")
            except SyntaxError:
                code = compile(text, "puppet", "exec")
            value = eval(code, globals())
        except OSError as error:
            value = errno.errorcode[error.errno]
        print(repr(value), file=answers, flush=True)
def listen():
    global l
    l = socket.create_server(("127.0.0.1", 0))
    return l.getsockname()[1]
def accept():
    global s
    s = l.accept()[0]
    return s.fileno()
def connect(port, source=0):
    global s
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", source))
    s.connect(("127.0.0.1", port))
    return s.getsockname()[1]
def watch(events=EDGE):
    global e
    e = select.epoll()
    e.register(s, events)
def events(seconds=2):
    return sum(mask for fd, mask in e.poll(seconds))
def deaf():  # Drops whatever arrives: a host that is gone.
    program = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0))
    s.setsockopt(socket.SOL_SOCKET, 26, struct.pack("HxxxxxxP", 1, ctypes.addressof(program)))
def option(level, name):
    return s.getsockopt(level, name)
serve(sys.stdin, sys.stdout)
"""


class Puppet:
    """Another process. do() waits for the result, begin() and end() do the two halves of it."""

    def __init__(self):
        commands, self.twin_commands = os.pipe()
        self.twin_answers, answers = os.pipe()
        self.twin_ends = (commands, answers)
        self.process = subprocess.Popen([sys.executable, "-c", PUPPET], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, pass_fds=self.twin_ends)
        self.pid = self.process.pid
        self.commands, self.answers = self.process.stdin, self.process.stdout
        os.close(commands)
        os.close(answers)

    def begin(self, text):
        print(repr(text), file=self.commands, flush=True)

    def end(self):
        answer = self.answers.readline()
        return eval(answer) if answer else "dead"

    def do(self, text):
        self.begin(text)
        return self.end()

    def fork(self):
        twin = object.__new__(Puppet)
        twin.commands, twin.answers = os.fdopen(self.twin_commands, "w"), os.fdopen(self.twin_answers)
        twin.process = twin.twin_commands = None
        commands, answers = self.twin_ends
        self.do("twin = os.fork()\n"
                "if not twin:\n"
                f"  serve(os.fdopen({commands}), os.fdopen({answers}, 'w'))\n"
                "  os._exit(0)")
        twin.pid = self.do("twin")
        self.twin_commands = self.twin_answers = None
        return twin

    def finish(self):
        self.commands.close()
        if self.process:
            self.process.kill()
            self.process.wait()
            if self.twin_commands:
                os.close(self.twin_commands)
                os.close(self.twin_answers)
        self.answers.close()


def state(local, peer):
    """The state of the connection between two ports, as the kernel lists it; None: there is none."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        if (int(words[1][-4:], 16), int(words[2][-4:], 16)) == (local, peer):
            return STATES[int(words[3], 16)]
    return None


class Fix(unittest.TestCase):
    def setUp(self):
        self.puppets = []

    def tearDown(self):
        for puppet in self.puppets:
            puppet.finish()

    def puppet(self):
        self.puppets.append(Puppet())
        return self.puppets[-1]

    def fix(self, *args, status, user=None):
        """What a run that must end with `status` prints."""
        extra = {"user": user, "group": user, "extra_groups": []} if user else {}
        run = subprocess.run([COMMAND, "fix", *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True, timeout=60, **extra)
        self.assertEqual(run.returncode, status, f"fix {args}\n{run.stdout}")
        return run.stdout

    def open(self):
        """A connection between the puppets self.owner and self.peer; self.name is the owner's end."""
        self.owner, self.peer = self.puppet(), self.puppet()
        self.port = self.owner.do("listen()")
        self.peer_port = self.peer.do(f"connect({self.port})")
        self.fd = self.owner.do("accept()")
        self.name = f"{self.owner.pid}/{self.fd}"

    def end_by_peer(self, data=b""):
        self.peer.do(f"s.sendall({data!r})")
        self.peer.do("s.shutdown(socket.SHUT_WR)")
        self.until("CLOSE_WAIT")

    def states(self):
        return state(self.port, self.peer_port), state(self.peer_port, self.port)

    def until(self, owners, seconds=5):
        end = time.monotonic() + seconds
        while self.states()[0] != owners and time.monotonic() < end:
            time.sleep(0.01)
        self.assertEqual(self.states()[0], owners)

    def plan(self, *args, status=0):
        return json.loads(self.fix("--json", *args, status=status))["connections"]

    # --- The dry run ---

    def test_nothing_is_done_without_yes(self):
        self.open()
        self.end_by_peer(b"data")
        for cure in ("--nudge", "--keepalive", "--close", "--reset"):
            self.assertIn("Nothing was done", self.fix(cure, self.name, status=0))
        self.assertIn("->", self.fix(self.name, status=0))
        self.assertEqual(self.states(), ("CLOSE_WAIT", "FIN_WAIT_2"))
        self.assertEqual(self.owner.do("s.recv(100)"), b"data")

    def test_a_socket_has_many_names(self):
        self.open()
        (conn,) = self.plan(self.name)
        self.assertEqual(conn["state"], "ESTABLISHED")
        self.assertEqual(conn["owners"][0]["pid"], self.owner.pid)
        for words in (["sk:" + conn["cookie"]], [f"pid:{self.owner.pid}/fd:{self.fd}"], [conn["local"], conn["peer"]],
                      ["sport", "=", f":{self.port}", "and", "state", "established"]):
            self.assertEqual([c["cookie"] for c in self.plan(*words)], [conn["cookie"]])
        self.assertEqual(len(self.plan(self.name, f"{self.peer.pid}/{self.peer.do('s.fileno()')}")), 2)

    def test_what_is_refused(self):
        self.open()
        self.fix(status=2)
        self.fix("--yes", self.name, status=2)
        self.fix("--close", "--reset", self.name, status=2)
        self.fix("--wait", "x", self.name, status=2)
        self.fix("--no-such-option", self.name, status=2)
        self.fix(self.name, "state", "established", status=2)
        self.fix("--close", "--stack", "/nowhere", self.name, status=2)
        self.assertIn("no connection matches", self.fix("dport", "=", ":1", status=1))
        self.assertIn("no connection is", self.fix("--close", "--yes", "sk:ffffffffff", status=1))
        ends = ["sport", "=", f":{self.port}", "or", "dport", "=", f":{self.port}"]
        self.assertIn("2 connections, more than 1", self.fix("--reset", "--yes", "--max", "1", *ends, status=2))
        self.assertIn("listener", self.fix("--reset", "--yes", "state", "listening", status=1))
        self.assertEqual(self.states(), ("ESTABLISHED", "ESTABLISHED"))
        self.assertIn("never sent", self.fix("--nudge", "--yes", self.name, status=1))
        self.assertEqual(self.owner.do("s.send(b'x')"), 1)

    # --- The rungs ---

    def test_close_is_seen_by_all_who_hold_it(self):
        self.open()
        twin = self.owner.fork()
        self.puppets.insert(0, twin)
        for puppet in (self.owner, twin):
            puppet.do("watch()")
        self.end_by_peer(b"data")
        for puppet in (self.owner, twin):
            self.assertEqual(puppet.do("events()"), IN | RDHUP)
        said = self.fix("--close", self.name, status=0)
        self.assertIn(f"(pid {self.owner.pid})", said)
        self.assertIn(f"(pid {twin.pid})", said)
        self.assertIn("2 processes hold this one socket", said)
        self.assertNotIn("SIGPIPE", said)
        self.assertIn("cured", self.fix("--close", "--yes", self.name, status=0))
        self.assertEqual(self.states(), (None, "TIME_WAIT"))
        for puppet in (self.owner, twin):
            self.assertEqual(puppet.do("events()"), IN | RDHUP | HUP)
        self.assertEqual(self.owner.do("s.recv(100)"), b"data")
        for puppet in (self.owner, twin):
            self.assertEqual(puppet.do("s.recv(100)"), b"")
            self.assertEqual(puppet.do("s.send(b'x')"), "EPIPE")
            self.assertEqual(puppet.do("s.getpeername()"), "ENOTCONN")
            self.assertEqual(puppet.do("os.readlink(f'/proc/self/fd/{s.fileno()}')[:6]"), "socket")
            self.assertEqual(puppet.do("s.close()"), None)

    def test_sigpipe_is_foretold(self):
        for cure, sends, when in (("--close", 1, "first"), ("--reset", 2, "second")):
            self.open()
            self.end_by_peer()
            self.owner.do("_ = signal.signal(signal.SIGPIPE, signal.SIG_DFL)")
            said = self.fix(cure, self.name, status=0)
            self.assertRegex(said, rf"SIGPIPE would kill .*\(pid {self.owner.pid}\) at its {when} send\(\)")
            self.fix(cure, "--yes", self.name, status=0)
            for left in range(sends, 0, -1):
                self.assertEqual(self.owner.do("s.send(b'x')"), "dead" if left == 1 else "ECONNABORTED")
            self.assertEqual(self.owner.process.wait(), -signal.SIGPIPE)

    def test_nudge_wakes_a_loop_that_lost_its_edge(self):
        self.open()
        self.owner.do("watch()")
        self.end_by_peer()
        self.assertEqual(self.owner.do("events()"), IN | RDHUP)
        self.owner.begin("(events(10), s.recv(10), s.close())")
        time.sleep(0.2)
        self.assertEqual(self.plan(self.name)[0]["lowest"], "nudge")
        self.assertIn("the program woke and closed it", self.fix("--nudge", "--yes", self.name, status=0))
        self.assertEqual(self.owner.end(), (IN | RDHUP, b"", None))
        self.assertEqual(self.states(), (None, "TIME_WAIT"))

    def test_nudge_does_not_wake_a_fired_one_shot(self):
        self.open()
        self.owner.do("watch(EDGE | select.EPOLLONESHOT)")
        self.end_by_peer()
        self.assertEqual(self.owner.do("events()"), IN | RDHUP)
        self.owner.begin("events(2)")
        time.sleep(0.2)
        self.assertNotEqual(self.plan(self.name)[0]["lowest"], "nudge")
        self.assertIn("no effect", self.fix("--nudge", "--yes", "--wait", "0.5", self.name, status=1))
        self.assertEqual(self.owner.end(), 0)
        self.assertEqual(self.states(), ("CLOSE_WAIT", "FIN_WAIT_2"))

    def test_nudge_that_is_read_but_not_closed(self):
        self.open()
        self.owner.do("watch()")
        self.end_by_peer(b"data")
        self.owner.do("events()")
        self.owner.begin("(events(10), s.recv(2))")
        time.sleep(0.2)
        self.assertIn("started", self.fix("--nudge", "--yes", "--wait", "0.5", self.name, status=1))
        self.assertEqual(self.owner.end(), (IN | RDHUP, b"da"))

    def test_keepalive_ends_it_when_the_peer_has_gone(self):
        self.open()
        self.peer.do("s.setsockopt(socket.IPPROTO_TCP, socket.TCP_LINGER2, 1)")
        self.peer.do("s.close()")
        self.until("CLOSE_WAIT")
        while self.states()[1]:
            time.sleep(0.05)
        self.assertEqual(self.plan("--keepalive", self.name)[0]["cures"]["keepalive"]["objection"], None)
        self.assertIn("no longer has this connection", self.fix("--keepalive", "--yes", self.name, status=0))
        self.assertEqual(self.states(), (None, None))
        self.assertEqual(self.owner.do("s.recv(10)"), b"")
        self.assertEqual(self.owner.do("errno.errorcode[option(socket.SOL_SOCKET, socket.SO_ERROR)]"), "EPIPE")

    def test_keepalive_changes_nothing_while_the_peer_is_there(self):
        self.open()
        self.end_by_peer()
        self.owner.do("s.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 77)")
        said = self.fix("--keepalive", "--yes", self.name, status=1)
        self.assertIn("no effect", said)
        self.assertIn("as they were", said)
        self.assertEqual(self.states(), ("CLOSE_WAIT", "FIN_WAIT_2"))
        self.assertEqual(self.owner.do("option(socket.SOL_SOCKET, socket.SO_KEEPALIVE)"), 0)
        self.assertEqual(self.owner.do("option(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)"), 77)

    def test_keepalive_ends_it_when_the_peer_is_silent(self):
        self.open()
        self.peer.do("deaf()")
        self.assertIn("started", self.fix("--keepalive", "--yes", "--wait", "1.5", self.name, status=1))
        self.assertIn("was silent", self.fix("--keepalive", "--yes", "--keepalive-probes", "2", self.name, status=0))
        self.assertEqual(self.owner.do("s.recv(10)"), "ETIMEDOUT")

    def test_reset(self):
        self.open()
        self.owner.do("watch()")
        self.assertIn("cured", self.fix("--reset", "--yes", self.name, status=0))
        self.assertEqual(self.states(), (None, None))
        self.assertEqual(self.owner.do("events()"), IN | RDHUP | HUP | ERR)
        self.assertEqual(self.owner.do("s.recv(10)"), "ECONNABORTED")
        self.assertEqual(self.peer.do("s.recv(10)"), "ECONNRESET")

    def test_reset_of_a_connection_whose_peer_has_closed(self):
        self.open()
        self.end_by_peer(b"data")
        self.fix("--reset", "--yes", self.name, status=0)
        self.assertEqual(self.states(), (None, None))
        self.assertEqual(self.owner.do("(s.recv(10), s.recv(10))"), (b"data", b""))
        self.assertEqual([self.owner.do("s.send(b'x')") for _ in range(2)], ["ECONNABORTED", "EPIPE"])

    def test_reset_of_what_no_program_holds(self):
        self.open()
        self.peer.do("s.close()")
        self.owner.do("s.close()")
        name = (f"127.0.0.1:{self.peer_port}", f"127.0.0.1:{self.port}")
        self.assertEqual(self.states(), (None, "TIME_WAIT"))
        self.assertIsNone(self.plan(*name)[0]["lowest"])
        self.assertIn("TIME_WAIT", self.fix("--close", "--yes", *name, status=1))
        self.fix("--reset", "--yes", *name, status=0)
        self.assertEqual(self.states(), (None, None))

    def test_reset_of_a_listener_that_is_named(self):
        self.open()
        listener = f"{self.owner.pid}/{self.owner.do('l.fileno()')}"
        self.assertIn("it listens", self.fix("--close", "--yes", listener, status=1))
        self.assertIn("cured", self.fix("--reset", "--yes", listener, status=0))
        self.assertEqual(self.owner.do("l.accept()"), "EINVAL")
        self.assertEqual(self.states(), ("ESTABLISHED", "ESTABLISHED"))

    def test_close_of_an_open_connection_waits_for_the_peer(self):
        self.open()
        said = self.fix("--close", "--yes", "--wait", "0.3", self.name, status=1)
        self.assertIn("started", said)
        self.assertIn("FIN_WAIT_2", said)
        self.assertEqual(self.peer.do("s.recv(10)"), b"")
        self.assertEqual(self.owner.do("s.send(b'x')"), "EPIPE")
        self.assertIn("--reset", self.fix("--close", "--yes", self.name, status=1))

    def test_close_of_a_connection_that_is_being_opened(self):
        owner = self.puppet()
        # A listener whose queue is full answers no SYN.
        with socket.socket() as full:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            port = full.getsockname()[1]
            with socket.create_connection(("127.0.0.1", port)):
                owner.begin(f"connect({port})")
                while " 02 " not in Path("/proc/net/tcp").read_text():
                    time.sleep(0.01)
                which = ["state", "syn-sent", "dport", "=", f":{port}"]
                self.assertIn("cured", self.fix("--close", "--yes", *which, status=0))
                self.assertEqual(owner.end(), "ECONNRESET")

    def test_a_last_ack_to_a_dead_peer(self):
        self.open()
        self.end_by_peer()
        self.peer.do("deaf()")
        self.owner.do("s.shutdown(socket.SHUT_WR)")
        self.until("LAST_ACK")
        self.assertIn("--user-timeout", self.fix("--close", "--yes", "--user-timeout", "0", self.name, status=1))
        self.assertIn("asks the peer already", self.fix("--keepalive", "--yes", self.name, status=1))
        self.assertIn("cured", self.fix("--close", "--yes", "--user-timeout", "1", "--wait", "10", self.name, status=0))
        self.assertEqual(self.states()[0], None)

    # --- Which socket, and who may ---

    def test_a_replaced_socket_is_not_touched(self):
        self.open()
        (conn,) = self.plan("--reset", self.name)
        self.peer.do("s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))")
        self.peer.do("s.close()")
        self.owner.do("s.close()")
        self.peer.do(f"connect({self.port}, {self.peer_port})")
        self.assertEqual(self.owner.do("accept()"), self.fd)
        self.assertEqual(self.states(), ("ESTABLISHED", "ESTABLISHED"))
        for cure in ("--nudge", "--keepalive", "--close", "--reset"):
            self.assertIn("no connection is", self.fix(cure, "--yes", "sk:" + conn["cookie"], status=1))
        self.assertEqual(self.states(), ("ESTABLISHED", "ESTABLISHED"))
        self.assertEqual(self.owner.do("s.send(b'x')"), 1)
        self.assertEqual(self.peer.do("s.recv(10)"), b"x")

    def test_without_privileges(self):
        self.open()
        self.end_by_peer()
        ends = (f"127.0.0.1:{self.port}", f"127.0.0.1:{self.peer_port}")
        said = self.fix("--close", "--yes", *ends, status=1, user=NOBODY)
        self.assertIn("root", said)
        self.assertIn("--reset", said)
        self.assertIn("CAP_NET_ADMIN", self.fix("--reset", "--yes", *ends, status=1, user=NOBODY))
        self.assertEqual(self.states(), ("CLOSE_WAIT", "FIN_WAIT_2"))

    def test_without_privileges_on_an_own_process(self):
        self.open()
        self.end_by_peer()
        self.owner.do(f"os.setgroups([]), os.setgid({NOBODY}), os.setuid({NOBODY})")
        # To change users made it undumpable, as it makes any daemon: it is its own user's no more.
        self.assertIn("root", self.fix("--close", "--yes", "sport", "=", f":{self.port}", status=1, user=NOBODY))
        self.owner.do("ctypes.CDLL(None).prctl(4, 1)")  # PR_SET_DUMPABLE
        self.assertIn("cured", self.fix("--close", "--yes", self.name, status=0, user=NOBODY))
        self.assertEqual(self.states(), (None, "TIME_WAIT"))

    def test_many_at_once(self):
        self.open()
        self.peer.do(f"many = [socket.create_connection(('127.0.0.1', {self.port})) for _ in range(40)]")
        self.owner.do("many = [l.accept()[0] for _ in range(40)]")
        self.peer.do("[m.close() for m in many]")
        self.until("ESTABLISHED")
        begun = time.monotonic()
        which = ["sport", "=", f":{self.port}", "state", "close-wait"]
        said = self.fix("--nudge", "--yes", "--wait", "0.5", *which, status=1)
        self.assertIn("40 no effect", said)
        self.assertIn("40 cured", self.fix("--close", "--yes", *which, status=0))
        self.assertLess(time.monotonic() - begun, 10)


def bring_up_loopback():
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sH14x", b"lo", 0x1 | 0x40))  # SIOCSIFFLAGS: up, running


def main():
    global COMMAND
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    if os.geteuid():
        print("needs root: network namespaces and other users' processes")
        sys.exit(77)
    if os.environ.get("LASTACK_CHECK_FIX") != "inside":
        if subprocess.run(["unshare", "-n", "true"], stderr=subprocess.DEVNULL).returncode:
            print("needs network namespaces")
            sys.exit(77)
        os.environ["LASTACK_CHECK_FIX"] = "inside"
        os.execvp("unshare", ["unshare", "-n", sys.executable, *sys.argv])
    bring_up_loopback()
    with tempfile.TemporaryDirectory() as folder:
        # A place where every user may run it.
        os.chmod(folder, 0o755)
        COMMAND = shutil.copy(sys.argv[1], folder)
        program = unittest.main(argv=[sys.argv[0], *sys.argv[2:]], exit=False)
    sys.exit(not program.result.wasSuccessful())


main()
