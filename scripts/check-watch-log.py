#!/usr/bin/env python3
"""The log of lastack watch against the truth: moves and their times, findings that come and go, where leaked sockets
were opened, lines of JSON, and how it ends. Usage: check-watch-log.py COMMAND [STACK] [TEST…]

STACK is the example echo, for --stack (the one beside COMMAND). It stages its connections in namespaces of its own.
Exit status: 77 when not root."""
import fcntl
import json
import os
import re
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
STACK = None
NEAR = 0.02  # Seconds between what the program did and what the log says.
SCHEMA = Path(__file__).resolve().parent.parent / "doc" / "watch.schema.json"

# Opens a connection every 100 ms, from the function leak_one, and keeps its own end. ARGV: accept or connect.
LEAKER = r"""
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in addr = {.sin_family = AF_INET};
static int listener, kept[1000], n;

static __attribute__((noinline)) int leak_one(int is_accept) {
    int other = socket(AF_INET, SOCK_STREAM, 0), own;
    if (is_accept) {
        connect(other, (struct sockaddr *)&addr, sizeof addr);
        own = accept(listener, NULL, NULL); /* HERE */
    } else {
        close(other);
        own = socket(AF_INET, SOCK_STREAM, 0);
        connect(own, (struct sockaddr *)&addr, sizeof addr); /* THERE */
        other = accept(listener, NULL, NULL);
    }
    close(other);
    return own;
}

int main(int argc, char **argv) {
    socklen_t len = sizeof addr;
    listener = socket(AF_INET, SOCK_STREAM, 0);
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind(listener, (struct sockaddr *)&addr, sizeof addr);
    listen(listener, 16);
    getsockname(listener, (struct sockaddr *)&addr, &len);
    printf("%d\n", ntohs(addr.sin_port));
    fflush(stdout);
    while (n < 100) {
        kept[n++] = leak_one(argc > 1 && !strcmp(argv[1], "accept"));
        usleep(100000);
    }
    pause();
}
"""

PYTHON_LEAKER = """
import socket, time
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
kept = []
while True:
    peer = socket.create_connection(listener.getsockname())
    kept.append(listener.accept()[0])
    peer.close()
    time.sleep(0.1)
"""


class Background:
    """A lastack watch that runs meanwhile."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen([COMMAND, "watch", *arguments], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        time.sleep(0.7)

    def end(self, number=signal.SIGINT):
        if number:
            self.process.send_signal(number)
        out, self.errors = self.process.communicate(timeout=20)
        return out


def pair(listener):
    client = socket.create_connection(listener.getsockname())
    return client, listener.accept()[0]


class Log(unittest.TestCase):
    def watch(self, *arguments):
        background = Background(*arguments)
        self.addCleanup(background.process.kill)
        return background

    def finish(self, background, number=signal.SIGINT, status=0):
        out = background.end(number)
        self.assertEqual(background.process.returncode, status, background.errors)
        if status == 0:
            self.assertEqual(background.errors, "")
        return out

    def lines(self, out):
        """Each line by itself, as the schema says."""
        found = [json.loads(line) for line in out.splitlines()]
        try:
            import jsonschema
        except ImportError:
            return found
        schema = json.loads(SCHEMA.read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        for line in found:
            jsonschema.validate(line, schema, cls=jsonschema.Draft202012Validator)
        self.assertEqual(found[0]["event"], "source")
        return found

    def needs_events(self, out):
        if "exact" not in out.splitlines()[0]:
            self.skipTest(out.splitlines()[0])

    def needs_compiler(self):
        if not shutil.which("cc"):
            self.skipTest("needs a C compiler")

    # --- Moves ---

    def moves(self, lines, local, peer):
        return [(move["from"], move["to"], move["at"]) for move in lines if move["event"] == "move" and
                move["local"] == f"127.0.0.1:{local}" and move["peer"] == f"127.0.0.1:{peer}"]

    def assert_moves(self, moves, expected):
        self.assertEqual([move[:2] for move in moves], [move[:2] for move in expected])
        for move, (_, _, (least, most)) in zip(moves, expected):
            self.assertTrue(least - NEAR <= move[2] <= most + NEAR, f"{move}: not {least} to {most}")

    def timed(self, work, *arguments):
        before = time.time()
        result = work(*arguments)
        return result, (before, time.time())

    def test_moves_and_their_times(self):
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        watch = self.watch("--json", "--moves", "--interval", "0.1", "dport", "=", f":{port}", "or", "sport", "=",
                           f":{port}")
        (active, passive), opened = self.timed(pair, listener)
        name = active.getsockname()[1]
        time.sleep(0.25)
        _, shut = self.timed(active.shutdown, socket.SHUT_WR)
        time.sleep(0.25)
        _, closed = self.timed(passive.close)
        (victim, resetting), _ = self.timed(pair, listener)
        victim_name = victim.getsockname()[1]
        resetting.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        _, reset = self.timed(resetting.close)
        time.sleep(0.4)
        out = self.finish(watch)
        self.needs_events(out)
        lines = self.lines(out)
        # Its FIN's acknowledgement may be delayed, and come while the processor idles: not every kernel tells of that.
        active_moves = [move for move in self.moves(lines, name, port) if move[1] != "FIN_WAIT_2"]
        self.assert_moves(active_moves[-2:], [("ESTABLISHED", "FIN_WAIT_1", shut), ("FIN_WAIT_2", "CLOSED", closed)])
        passive_moves = self.moves(lines, port, name)
        self.assert_moves(passive_moves[-4:],
                          [("SYN_RCVD", "ESTABLISHED", opened), ("ESTABLISHED", "CLOSE_WAIT", shut),
                           ("CLOSE_WAIT", "LAST_ACK", closed), ("LAST_ACK", "CLOSED", closed)])
        self.assert_moves(self.moves(lines, victim_name, port)[-1:], [("ESTABLISHED", "CLOSED", reset)])

    def test_moves_of_one_filter(self):
        chosen, other = (socket.create_server(("127.0.0.1", 0)) for _ in range(2))
        port = chosen.getsockname()[1]
        watch = self.watch("--json", "--moves", "sport", "=", f":{port}", "and", "pid", "=", str(os.getpid()))
        ends = [pair(chosen), pair(other)]
        time.sleep(2.5)  # The program is known from the poll that looks for owners on.
        for end in ends:
            end[0].close()
        time.sleep(0.3)
        for end in ends:
            end[1].close()
        out = self.finish(watch)
        self.needs_events(out)
        moves = [line for line in self.lines(out) if line["event"] == "move"]
        self.assertIn(("ESTABLISHED", "CLOSE_WAIT"), [(move["from"], move["to"]) for move in moves])
        self.assertEqual({move["local"] for move in moves}, {f"127.0.0.1:{port}"})

    def test_counts(self):
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        watch = self.watch("--json", "--no-events", "--interval", "0.1", "sport", "=", f":{port}")
        held = [pair(listener) for _ in range(5)]
        time.sleep(0.4)
        for client, _ in held:
            client.close()
        time.sleep(0.4)
        lines = self.lines(self.finish(watch))
        counts = [line["states"] for line in lines if line["event"] == "counts"]
        self.assertIn((1, 5, 0), [(count["LISTEN"], count["ESTABLISHED"], count["CLOSE_WAIT"]) for count in counts])
        self.assertEqual((counts[-1]["LISTEN"], counts[-1]["CLOSE_WAIT"], counts[-1]["TIME_WAIT"]), (1, 5, 0))
        for _, server in held:
            server.close()

    # --- Findings, and where their sockets were opened ---

    def test_a_finding_comes_and_goes(self):
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        watch = self.watch("--json", "--settle", "0.3", "sport", "=", f":{port}")
        client, server = pair(listener)
        client.close()
        time.sleep(5)
        server.close()
        time.sleep(3)
        lines = [line for line in self.lines(self.finish(watch)) if line.get("id", "").startswith("close-wait")]
        self.assertEqual([line["event"] for line in lines], ["finding", "ended"], lines)
        self.assertEqual(lines[0]["id"], lines[1]["id"])
        self.assertEqual(lines[0]["title"].count(f"(pid {os.getpid()})"), 1)

    def test_whose_calls_reset_connections(self):
        """The program that closes with data unread is named; its peers, which are reset, are not."""
        listener = socket.create_server(("127.0.0.1", 0))
        watch = self.watch("--json")
        time.sleep(1.5)
        child = os.fork()
        if not child:
            for _ in range(20):
                server = listener.accept()[0]
                server.recv(1, socket.MSG_PEEK)
                server.close()
            os._exit(0)
        for _ in range(20):
            client = socket.create_connection(listener.getsockname())
            client.send(b"never read")
            with self.assertRaises(ConnectionResetError):
                client.recv(1)
            client.close()
        time.sleep(4)
        out = self.finish(watch)
        os.waitpid(child, 0)
        lines = self.lines(out)
        if "exact" not in lines[0]["source"]:
            self.skipTest(lines[0]["source"])
        titles = [line["title"] for line in lines if line.get("id") == "resets-by-program" and line["event"] == "finding"]
        self.assertEqual(len(titles), 1, titles)
        self.assertIn(f"(pid {child}) has ended", titles[0])

    def assert_site(self, command, patterns):
        """The log of a program that leaks: its finding says once where that was, and of a connection of its own. Where
        other programs open hundreds of sockets in a second, not every stack is kept: then once more."""
        for _ in range(3):
            own, out, name, port = self.leak(command)
            self.needs_events(out)
            self.assertEqual(len(own), 1, out)
            if "opened   - " in own[0]:
                break
        self.assertEqual(own[0].count("opened   - "), 1, out)
        peer = re.search(r"opened   - the connection with 127\.0\.0\.1:(\d+), at:\n((?: {15}.*\n)+)", own[0])
        self.assertIsNotNone(peer, own[0])
        self.assertNotEqual(peer[1], name)
        if "connect" in command:
            self.assertEqual(peer[1], port)
        for pattern in patterns:
            self.assertRegex(peer[2], pattern)

    def leak(self, command):
        innocent = socket.create_server(("127.0.0.1", 0))
        watch = self.watch("--log")
        client, server = pair(innocent)  # In CLOSE_WAIT as well, but another program's.
        name = str(client.getsockname()[1])
        client.close()
        leaker = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        port = leaker.stdout.readline().strip()
        time.sleep(6)
        out = self.finish(watch)
        leaker.kill()
        leaker.wait()
        leaker.stdout.close()
        server.close()
        findings = re.split(r"(?m)^(?=\d\d:\d\d:\d\d\.\d{3} )", out)
        title = rf"^\S+ (harm|warning) .*\(pid {leaker.pid}\).* in CLOSE_WAIT"
        own = [text for text in findings if re.search(title, text)]
        return own, out, name, port

    def c_leaker(self, how, *flags):
        self.needs_compiler()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        source = Path(folder.name, "leaker.c")
        source.write_text(LEAKER)
        program = Path(folder.name, "leaker")
        subprocess.run(["cc", "-g", "-O2", *flags, "-o", program, source], check=True, stderr=subprocess.DEVNULL)
        mark = "HERE" if how == "accept" else "THERE"
        line = next(i for i, text in enumerate(LEAKER.splitlines(), 1) if f"/* {mark} */" in text)
        self.assert_site([str(program), how], [rf"(?m)^ +{how}", rf"leak_one \(leaker\.c:{line}\)",
                                               r"main \(leaker\.c:"])

    def test_an_accepted_socket_with_frame_pointers(self):
        self.c_leaker("accept", "-fno-omit-frame-pointer")

    def test_an_accepted_socket_without_frame_pointers(self):
        self.c_leaker("accept", "-fomit-frame-pointer")

    def test_a_connected_socket_with_frame_pointers(self):
        self.c_leaker("connect", "-fno-omit-frame-pointer")

    def test_a_connected_socket_without_frame_pointers(self):
        self.c_leaker("connect", "-fomit-frame-pointer")

    def test_a_socket_of_python(self):
        self.assert_site([sys.executable, "-c", PYTHON_LEAKER], [r"(?m)^ +accept", r"_PyEval|python"])

    def test_a_socket_accepted_for_a_child(self):
        """The program accepts, a child of it keeps the socket."""
        code = PYTHON_LEAKER.replace("    peer.close()\n", """    import os
    if len(kept) == 1 and os.fork() == 0:
        del listener
        peer.close()
        time.sleep(1000)
    time.sleep(0.3)
    kept.pop().close()
    peer.close()
    if len(kept) == 0:
        time.sleep(1000)
""")
        watch = self.watch("--log", "--settle", "0.3")
        leaker = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True,
                                  start_new_session=True)
        leaker.stdout.readline()
        time.sleep(4)
        out = self.finish(watch)
        os.killpg(leaker.pid, signal.SIGKILL)
        leaker.wait()
        leaker.stdout.close()
        self.needs_events(out)
        self.assertIn("opened   - ", out)

    # --- Ends ---

    def test_nobody_reads_any_more(self):
        began = time.monotonic()
        done = subprocess.run(f"{COMMAND} watch --interval 30 | head -1; echo ${{PIPESTATUS[0]}}", shell=True,
                              executable="/bin/bash", capture_output=True, text=True, timeout=20)
        self.assertLess(time.monotonic() - began, 5)
        self.assertEqual(done.stderr, "")
        self.assertRegex(done.stdout, r"\A# .*\n(0|141)\n\Z")  # It noticed, or SIGPIPE ended it.

    def test_signals(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            watch = self.watch("--log", "--interval", "30")
            began = time.monotonic()
            out = self.finish(watch, number)
            self.assertLess(time.monotonic() - began, 5)
            self.assertRegex(out, r"\A# ")

    def test_its_time_is_over(self):
        for interval, seconds in (("30", 1.5), ("0.1", 1), ("1", 0)):
            began = time.monotonic()
            subprocess.run([COMMAND, "watch", "--log", "--interval", interval, "--for", str(seconds)], check=True,
                           stdout=subprocess.DEVNULL, timeout=20)
            took = time.monotonic() - began
            self.assertTrue(seconds <= took < seconds + 1.5, took)

    def test_wrong_times(self):
        for words in (("--interval", "0.01"), ("--interval", "x"), ("--for", "-1"), ("--for", "nan")):
            done = subprocess.run([COMMAND, "watch", *words], capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn("wants seconds", done.stderr)

    def test_a_stack_that_goes_away(self):
        if not STACK:
            self.skipTest("needs the example echo")
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "control")
            stack = subprocess.Popen([STACK, "--control", path], stdout=subprocess.PIPE, text=True)
            try:
                if "port 7" not in stack.stdout.readline():
                    self.skipTest("needs a TUN device")
                watch = self.watch("--json", "--interval", "0.1", "--stack", path)
                client = socket.create_connection(("10.7.0.2", 7), timeout=5)
                time.sleep(0.5)
            finally:
                stack.kill()
                stack.wait()
                stack.stdout.close()
            out = self.finish(watch, None, 2)
            client.close()
        lines = self.lines(out)
        self.assertIn("the stack's own history", lines[0]["source"])
        self.assertIn(1, [line["states"]["ESTABLISHED"] for line in lines if line["event"] == "counts"])
        self.assertEqual(len(watch.errors.splitlines()), 1, watch.errors)
        self.assertIn(path, watch.errors)


def bring_up_loopback():
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sH14x", b"lo", 0x1 | 0x40))  # SIOCSIFFLAGS: up, running


def main():
    global COMMAND, STACK
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    if os.geteuid():
        print("needs root, for a network namespace")
        sys.exit(77)
    if os.environ.get("LASTACK_CHECK_WATCH_LOG") != "inside":
        # Among few processes: how often owners are looked for depends on how many there are.
        unshare = ["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
        if subprocess.run([*unshare, "true"], stderr=subprocess.DEVNULL).returncode:
            print("needs namespaces of network and processes")
            sys.exit(77)
        os.environ["LASTACK_CHECK_WATCH_LOG"] = "inside"
        os.execvp("unshare", [*unshare, sys.executable, *sys.argv])
    bring_up_loopback()
    COMMAND = os.path.abspath(sys.argv[1])
    beside = Path(COMMAND).parent / "examples" / "echo"
    STACK = str(beside) if beside.exists() else None
    words = sys.argv[2:]
    if words and os.sep in words[0]:
        STACK = os.path.abspath(words.pop(0))
    names = [name if "." in name else f"Log.{name}" for name in words if not name.startswith("-")]
    options = [name for name in words if name.startswith("-")]
    unittest.main(argv=[sys.argv[0], *options, *names], warnings="ignore")


main()
