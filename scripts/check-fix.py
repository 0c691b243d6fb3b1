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

import jsonschema

from puppet import Puppet, state

COMMAND = None
SCHEMA = jsonschema.Draft202012Validator(
    json.loads((Path(__file__).resolve().parent.parent / "doc/fix.schema.json").read_text()))
NOBODY = 65534
IN, OUT, ERR, HUP, RDHUP = 1, 4, 8, 16, 0x2000


class Fix(unittest.TestCase):
    def setUp(self):
        self.puppets = []

    def tearDown(self):
        for puppet in self.puppets:
            puppet.finish()

    def puppet(self):
        self.puppets.append(Puppet())
        return self.puppets[-1]

    def fix(self, *args, status, user=None, under=()):
        """What a run that must end with `status` (None: any) prints."""
        extra = {"user": user, "group": user, "extra_groups": []} if user else {}
        run = subprocess.run([*under, COMMAND, "fix", *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL if "--json" in args else subprocess.STDOUT, text=True, timeout=60, **extra)
        if status is not None:
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

    def document(self, *args, status=0):
        document = json.loads(self.fix("--json", *args, status=status))
        SCHEMA.validate(document)
        return document

    def plan(self, *args, status=0):
        return self.document(*args, status=status)["connections"]

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

    # --- What is foretold, state by state ---

    def foretold(self, cure, *names):
        """The sentences for one connection."""
        (conn,) = self.plan(cure, *names)
        self.assertIsNone(conn["cures"][cure[2:]]["objection"])
        return " ".join(conn["cures"][cure[2:]]["foretold"])

    def half_close(self):
        self.open()
        self.owner.do("s.shutdown(socket.SHUT_WR)")
        self.until("FIN_WAIT_2")

    def test_a_half_closed_connection(self):
        self.half_close()
        self.assertIn("has yet to close", self.fix("--close", "--yes", self.name, status=1))
        self.assertIn("no effect", self.fix("--keepalive", "--yes", self.name, status=1))
        self.assertEqual(self.states(), ("FIN_WAIT_2", "CLOSE_WAIT"))
        said = self.foretold("--reset", self.name)
        self.assertIn("next call returns ECONNABORTED", said)
        self.assertIn("The peer gets an RST: it reads the end of file that it has, and its send() fails", said)
        self.fix("--reset", "--yes", self.name, status=0)
        self.assertEqual(self.owner.do("(s.fileno() > 0) and s.recv(10)"), "ECONNABORTED")
        self.assertEqual(self.owner.do("s.recv(10)"), b"")
        self.assertEqual(self.owner.do("s.send(b'x')"), "EPIPE")
        self.assertEqual(self.peer.do("s.recv(10)"), b"")
        self.assertEqual(self.peer.do("s.send(b'x')"), "EPIPE")
        self.assertEqual(self.states(), (None, None))

    def test_reset_of_a_half_closed_record_tells_the_peer_nothing(self):
        self.open()
        self.owner.do("s.close()")
        self.until("FIN_WAIT_2")
        ends = (f"127.0.0.1:{self.port}", f"127.0.0.1:{self.peer_port}")
        said = self.foretold("--reset", *ends)
        self.assertIn("told nothing", said)
        self.assertNotIn("The peer gets an RST", said)
        self.fix("--reset", "--yes", *ends, status=0)
        self.assertEqual(self.states(), (None, "CLOSE_WAIT"))
        self.assertEqual(self.peer.do("s.send(b'x')"), 1)
        self.assertEqual(self.states(), (None, None))

    def test_a_peer_that_sends_after_a_close_is_reset(self):
        self.open()
        self.assertIn("if it sends more, it gets an RST", self.foretold("--close", self.name))
        self.fix("--close", "--yes", "--wait", "0.2", self.name, status=1)
        self.assertEqual(self.states(), ("FIN_WAIT_2", "CLOSE_WAIT"))
        self.assertEqual(self.peer.do("s.send(b'x')"), 1)
        self.assertEqual(self.states(), (None, None))
        self.assertEqual(self.owner.do("s.recv(10)"), "ECONNRESET")

    def test_connections_that_are_being_opened(self):
        owner, peer = self.puppet(), self.puppet()
        port = owner.do("listen()")
        peer.do("s = socket.socket(); deaf()")
        peer.begin(f"s.connect(('127.0.0.1', {port}))")
        embryo = ["state", "syn-recv", "sport", "=", f":{port}"]
        opening = ["state", "syn-sent", "dport", "=", f":{port}"]
        while "no connection" in self.fix(*embryo, status=None):
            time.sleep(0.02)
        (conn,) = self.plan(*embryo)
        self.assertIn("SYN queue", conn["cures"]["close"]["objection"])
        self.assertIsNone(conn["lowest"])
        self.assertIn("told nothing", self.foretold("--reset", *embryo))
        self.assertIn("cured", self.fix("--reset", "--yes", *embryo, status=0))
        self.assertIn("ECONNABORTED", self.foretold("--reset", *opening))
        self.assertIn("cured", self.fix("--reset", "--yes", *opening, status=0))
        self.assertEqual(peer.end(), "ECONNABORTED")

    def test_fins_that_nobody_answers(self):
        for state in ("FIN_WAIT_1", "CLOSING", "LAST_ACK"):
            self.open()
            self.peer.do("deaf()")
            if state == "LAST_ACK":
                self.peer.do("s.shutdown(socket.SHUT_WR)")
                self.until("CLOSE_WAIT")
            self.owner.do("s.shutdown(socket.SHUT_WR)")
            self.until("LAST_ACK" if state == "LAST_ACK" else "FIN_WAIT_1")
            if state == "CLOSING":
                self.peer.do("s.shutdown(socket.SHUT_WR)")
                self.until("CLOSING")
            said = self.foretold("--reset", self.name)
            self.assertIn("gets an RST" if state == "FIN_WAIT_1" else "told nothing", said)
            self.assertIn("the FIN is sent already", self.foretold("--close", self.name))
            self.assertIn(f"{state} ended", self.fix("--reset", "--yes", self.name, status=0))
            self.assertIsNone(self.states()[0])
            if state == "FIN_WAIT_1":
                self.assertEqual(self.owner.do("s.recv(10)"), "ECONNABORTED")
            self.assertEqual(self.owner.do("s.recv(10)"), b"")

    def test_reset_frees_the_port_of_a_time_wait(self):
        self.open()
        self.peer.do("s.close()")
        self.until("CLOSE_WAIT")
        self.owner.do("s.close()")
        bind = f"(x := socket.socket()).bind(('127.0.0.1', {self.peer_port}))"
        self.assertEqual(self.peer.do(bind), "EADDRINUSE")
        ends = (f"127.0.0.1:{self.peer_port}", f"127.0.0.1:{self.port}")
        self.assertIn("port is free at once", self.foretold("--reset", *ends))
        self.fix("--reset", "--yes", *ends, status=0)
        self.assertEqual(self.peer.do(bind), None)

    def test_what_the_program_had_set_is_set_back(self):
        self.open()
        self.owner.do("s.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 60000)")
        self.owner.do("s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)")
        self.owner.do("s.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 7)")
        self.assertIn("as they were", self.fix("--keepalive", "--yes", self.name, status=1))
        settings = ("[option(socket.IPPROTO_TCP, n) for n in (socket.TCP_USER_TIMEOUT, socket.TCP_KEEPCNT)]"
                    " + [option(socket.SOL_SOCKET, socket.SO_KEEPALIVE)]")
        self.assertEqual(self.owner.do(settings), [60000, 7, 1])
        # The user timeout must not keep the last probe from ending it.
        self.peer.do("deaf()")
        said = self.fix("--keepalive", "--yes", "--wait", "0.1", self.name, status=1)
        self.assertIn("before, it was set to", said)
        self.assertIn("was silent", self.fix("--keepalive", "--yes", "--keepalive-probes", "2", self.name, status=0))

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

    def test_thousands_at_once(self):
        self.open()
        raise_limit = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (6000, 6000))"
        for puppet in (self.owner, self.peer):
            puppet.do(raise_limit)
        for _ in range(25):
            self.peer.do(f"many = globals().get('many', []) + [socket.create_connection(('127.0.0.1', {self.port}))"
                         " for _ in range(100)]")
            self.owner.do("many = globals().get('many', []) + [l.accept()[0] for _ in range(100)]")
        self.peer.do("[m.close() for m in many]")
        which = ["sport", "=", f":{self.port}", "state", "close-wait"]
        self.assertIn("2500 connections, more than 100", self.fix("--reset", "--yes", *which, status=2))
        begun = time.monotonic()
        self.assertIn("2500 cured", self.fix("--close", "--yes", "--max", "2500", *which, status=0))
        self.assertLess(time.monotonic() - begun, 10)
        self.assertEqual(self.states(), ("ESTABLISHED", "ESTABLISHED"))

    # --- Choosing, with --yes or without ---

    def test_a_process_and_a_descriptor_are_of_the_same_owner(self):
        self.open()
        twin = self.owner.fork()
        self.puppets.insert(0, twin)
        twin.do("os.dup2(s.fileno(), 500)")
        fits = ["pid", "=", str(twin.pid), "fd", "=", "500"]
        never = ["pid", "=", str(self.owner.pid), "fd", "=", "500"]
        self.assertEqual(len(self.plan(*fits)), 1)
        self.assertIn("no connection", self.fix("--close", "--yes", *never, status=1))
        self.assertEqual(self.states(), ("ESTABLISHED", "ESTABLISHED"))

    def test_nothing_that_matches_is_a_document_too(self):
        document = self.document("--close", "dport", "=", ":1", status=1)
        self.assertEqual((document["connections"], document["left_out"]), ([], 0))
        self.open()
        document = self.document("--nudge", "sport", "=", f":{self.port}", status=1)
        self.assertEqual((document["left_out"], document["listeners"]), (1, 1))

    def test_results_as_a_document(self):
        self.open()
        self.end_by_peer()
        self.assertEqual(self.plan("--nudge", "--yes", "--wait", "0", self.name, status=1)[0]["result"], "no effect")
        self.assertEqual(self.plan("--close", "--yes", self.name)[0]["result"], "cured")

    def test_a_filter_does_not_hide_the_other_end(self):
        self.open()
        self.end_by_peer()
        by_name = self.plan(self.name)[0]["lowest"]
        by_filter = self.plan("state", "close-wait", "sport", "=", f":{self.port}")[0]["lowest"]
        self.assertEqual(by_filter, by_name)
        self.assertNotEqual(by_filter, "keepalive")

    def test_the_command_that_does_it_does_the_same(self):
        self.open()
        said = self.fix("--close", "--user-timeout", "3", "--wait", "1.5", self.name, status=0)
        self.assertRegex(said, r"To do it: lastack fix --close --yes --user-timeout 3 --wait 1\.5 sk:")
        said = self.fix("--keepalive", "--keepalive-probes", "9", self.name, status=0)
        self.assertRegex(said, r"To do it: lastack fix --keepalive --yes --keepalive-probes 9 sk:")
        said = self.fix("--close", "--keepalive-probes", "9", self.name, status=0)
        self.assertRegex(said, r"To do it: lastack fix --close --yes sk:")

    def test_an_own_connection_is_refused(self):
        self.open()
        with socket.create_connection(("127.0.0.1", self.port)) as mine:
            name = f"127.0.0.1:{mine.getsockname()[1]}"
            run = subprocess.run([COMMAND, "fix", "--reset", "--yes", name, f"127.0.0.1:{self.port}"], stdin=mine,
                                 capture_output=True, text=True, timeout=60)
            self.assertIn("of this very command", run.stdout)
            self.assertEqual(run.returncode, 1)
            self.assertEqual(mine.send(b"x"), 1)

    def test_sigpipe_that_is_ignored_by_inheritance(self):
        self.open()
        self.end_by_peer()
        self.owner.do("_ = signal.signal(signal.SIGPIPE, signal.SIG_IGN)")
        self.assertNotIn("SIGPIPE", self.fix("--close", self.name, status=0))
        # A thread that blocks it lives, which is said.
        self.owner.do("_ = signal.signal(signal.SIGPIPE, signal.SIG_DFL)")
        self.owner.do("_ = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGPIPE])")
        self.assertIn("or blocks SIGPIPE", self.fix("--close", self.name, status=0))
        self.fix("--close", "--yes", self.name, status=0)
        self.assertEqual(self.owner.do("s.send(b'x')"), "EPIPE")

    def test_a_program_whose_first_thread_has_ended(self):
        self.open()
        self.end_by_peer()
        # It goes on in another thread, which does nothing.
        self.owner.begin("import threading; threading.Thread(target=time.sleep, args=(600,)).start(); "
                         "ctypes.CDLL(None).pthread_exit(None)")
        deadline = time.monotonic() + 5
        while "zombie" not in Path(f"/proc/{self.owner.pid}/status").read_text() and time.monotonic() < deadline:
            time.sleep(0.02)
        said = self.fix("--close", "--yes", self.name, status=None)
        self.assertIn("cured", said)

    def test_sockets_that_their_addresses_do_not_find(self):
        owner, peer = self.puppet(), self.puppet()
        owner.do("a, b = socket.socket(), socket.socket()")
        owner.do("[x.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1) for x in (a, b)]")
        port = owner.do("a.bind(('127.0.0.1', 0)) or a.getsockname()[1]")
        owner.do(f"b.bind(('127.0.0.1', {port})), a.listen(), b.listen()")
        said = [self.fix("--reset", "--yes", f"{owner.pid}/{owner.do(f'{x}.fileno()')}", status=None) for x in "ab"]
        # The kernel finds one of the two by their address; when that has gone, the other.
        self.assertIn("cured", said[1])
        self.assertTrue("cured" in said[0] or "SO_REUSEPORT" in said[0], said[0])
        port = owner.do("listen()")
        peer.do("s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'lo')")
        peer.do(f"s.connect(('127.0.0.1', {port}))")
        owner.do("accept()")
        self.assertIn("cured", self.fix("--reset", "--yes", f"{peer.pid}/{peer.do('s.fileno()')}", status=0))
        self.assertEqual(owner.do("s.recv(10)"), "ECONNRESET")

    def test_the_right_namespace(self):
        """The same two ends exist in two namespaces."""
        code = ("import socket, sys, os, fcntl, struct, time\n"
                "fcntl.ioctl(socket.socket(), 0x8914, struct.pack('16sH14x', b'lo', 0x41))\n"
                "l = socket.create_server(('127.0.0.1', 7700)); c = socket.socket()\n"
                "c.bind(('127.0.0.1', 7701)); c.connect(('127.0.0.1', 7700)); s = l.accept()[0]\n"
                "print('ready', flush=True); time.sleep(60)")
        ends = ["127.0.0.1:7700", "127.0.0.1:7701"]
        own, other = (subprocess.Popen([*under, sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
                      for under in ((), ("unshare", "-n")))
        try:
            for process in (own, other):
                self.assertEqual(process.stdout.readline(), "ready\n")
            both = self.plan("--all-netns", *ends)
            self.assertEqual(len(both), 2)
            self.assertIn("2 connections are", self.fix("--close", "--yes", "--all-netns", *ends, status=2))
            (there,) = [conn for conn in both if "netns" in conn]
            self.assertEqual([owner["pid"] for owner in there["owners"]], [other.pid])
            self.assertIn("no connection is", self.fix("--reset", "--yes", "sk:" + there["cookie"], status=1))
            self.fix("--reset", "--yes", "--all-netns", "sk:" + there["cookie"], status=0)
            self.assertEqual(len(self.plan("--all-netns", *ends)), 1)
            self.assertEqual(state(7700, 7701), "ESTABLISHED")
        finally:
            for process in (own, other):
                process.kill()
                process.wait()
                process.stdout.close()

    def test_some_privileges_are_enough(self):
        if not shutil.which("capsh"):
            self.skipTest("capsh is not installed")

        def within(capabilities):
            return ("capsh", f"--drop={capabilities}", "--", "-c", 'exec "$0" "$@"')

        self.open()
        self.end_by_peer()
        self.owner.do(f"os.setgroups([]), os.setgid({NOBODY}), os.setuid({NOBODY})")
        said = self.fix("--close", "--yes", self.name, status=1, under=within("cap_sys_ptrace"))
        self.assertIn("no connection is", said)
        ends = (f"127.0.0.1:{self.port}", f"127.0.0.1:{self.peer_port}")
        said = self.fix("--close", "--yes", *ends, status=1, under=within("cap_sys_ptrace"))
        self.assertIn("refused", said)
        self.assertIn("CAP_NET_ADMIN", self.fix("--reset", "--yes", *ends, status=1, under=within("cap_net_admin")))
        self.assertEqual(self.states(), ("CLOSE_WAIT", "FIN_WAIT_2"))
        self.fix("--reset", "--yes", *ends, status=0, under=within("cap_sys_ptrace"))


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
