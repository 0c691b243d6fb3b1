#!/usr/bin/env python3
"""The full screen of lastack watch, driven through tmux: what each view shows, keys, filters, sizes, and that the
terminal is given back however it ends. Usage: check-watch.py COMMAND [TEST…]

It stages its connections in namespaces of its own. Exit status: 77 when not root, or without tmux."""
import os
import re
import signal
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
WIDTH, HEIGHT = 100, 30
PATIENCE = 30  # Seconds: owners are looked for seldom.

# Leaks a connection in CLOSE_WAIT with every interval; each leaves some bytes unread.
LEAKER = """
import socket, sys, time
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
kept = []
while True:
    peer = socket.create_connection(listener.getsockname())
    kept.append(listener.accept()[0])
    peer.sendall(b"x" * len(kept))
    peer.close()
    time.sleep(float(sys.argv[1]))
"""


class Terminal:
    """A shell in a terminal of tmux's own."""

    def __init__(self, width=WIDTH, height=HEIGHT, **environment):
        self.folder = tempfile.TemporaryDirectory(prefix="la-watch-")
        self.server = ["tmux", "-S", f"{self.folder.name}/socket"]
        variables = {**os.environ, "LC_ALL": "C.UTF-8", "TERM": "xterm", "PS1": "$ ", "HISTFILE": "", **environment}
        for name in ("NO_COLOR", "TMUX"):
            if name not in environment:
                variables.pop(name, None)
        inner = [f"{name}={value}" for name, value in environment.items()]
        subprocess.run([*self.server, "-u", "-f", "/dev/null", "new-session", "-d", "-x", str(width), "-y",
                        str(height), "env", *inner, "sh"], env=variables, check=True)
        self.tmux("set-option", "-g", "escape-time", "0")
        self.pid = int(self.tmux("list-panes", "-F", "#{pane_pid}"))

    def tmux(self, *words):
        return subprocess.run([*self.server, *words], check=True, stdout=subprocess.PIPE, text=True).stdout

    def keys(self, *keys):
        self.tmux("send-keys", *keys)

    def type(self, text):
        self.tmux("send-keys", "-l", text)

    def screen(self, *options):
        return self.tmux("capture-pane", "-p", *options)

    def resize(self, width, height):
        self.tmux("resize-window", "-x", str(width), "-y", str(height))

    def child(self):
        """The program that the shell runs."""
        return int(Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()[0])

    def close(self):
        subprocess.run([*self.server, "kill-server"], check=False)
        self.folder.cleanup()


class Watch(unittest.TestCase):
    def start_leaker(self, interval=0.25):
        self.leaker = subprocess.Popen([sys.executable, "-c", LEAKER, str(interval)], stdout=subprocess.PIPE,
                                       text=True)
        self.addCleanup(self.end_leaker)
        self.port = int(self.leaker.stdout.readline())

    def end_leaker(self):
        self.leaker.kill()
        self.leaker.wait()
        self.leaker.stdout.close()

    def start(self, arguments="", leak=True, **environment):
        if leak:
            self.start_leaker()
        self.terminal = Terminal(**environment)
        self.addCleanup(self.terminal.close)
        self.run_watch(arguments)
        self.until(r"q quit")

    def run_watch(self, arguments=""):
        self.until(r"\$")
        self.terminal.keys(f"echo before; {COMMAND} watch {arguments}; echo status $?", "Enter")

    def until(self, pattern, patience=PATIENCE, options=()):
        """Waits for a screen on which the pattern is found, and returns what was found."""
        end = time.monotonic() + patience
        while True:
            screen = self.terminal.screen(*options)
            found = re.search(pattern, screen, re.MULTILINE)
            if found:
                return found
            self.assertLess(time.monotonic(), end, f"never: {pattern}\n{screen}")
            time.sleep(0.1)

    def keys(self, *keys):
        self.terminal.keys(*keys)

    def quit(self):
        self.keys("q")
        self.until(r"^status 0$")
        self.until(r"before$")

    def test_counts_and_findings_as_they_come(self):
        self.start(leak=False)
        self.until(r"Nothing is wrong")
        self.until(r"^0 sockets")
        self.start_leaker()
        self.until(r"^\S+  exact|polled.* \d\d:\d\d:\d\d$")
        self.until(r"^\d+ sockets .*CLOSE_WAIT \d+")
        self.until(r"^COUNT +PER MIN +OLDEST +STATE +PROGRAM$")
        self.until(r"^ +\d+ +\+\d+ [↗↑] +\S+ (s|ms) +CLOSE_WAIT +python3")
        self.until(r"^new +(harm|warning) +\S+ (s|ms) +\d+ +\S*python3")
        self.end_leaker()
        self.until(r"^ended +(harm|warning)")
        self.quit()

    def test_counts_by_peer(self):
        self.start("--no-events")
        self.until(r"polled every 1 s")
        self.keys("p")
        self.until(r"^COUNT.*PEER$")
        self.until(r"CLOSE_WAIT .*127\.0\.0\.1$")
        self.keys("p")
        self.until(r"^COUNT.*PROGRAM$")

    def test_a_count_leads_to_its_connections(self):
        self.start()
        self.until(r"CLOSE_WAIT +python3")
        self.keys("Home")
        while not re.search(r"\x1b\[7m.*CLOSE_WAIT", self.terminal.screen("-e")):
            self.keys("Down")
            time.sleep(0.2)
        self.keys("Enter")
        self.until(r"by age; only CLOSE_WAIT of python3$")
        screen = self.terminal.screen()
        self.assertRegex(screen, rf"(?m)^CLOSE_WAIT .* 127\.0\.0\.1:{self.port} .*python3 {self.leaker.pid}/\d+")
        self.assertNotRegex(screen, r"(?m)^(LISTEN|FIN_WAIT_2) ")
        self.keys("Escape")
        self.until(r"^COUNT")

    def test_order_of_connections(self):
        self.start()
        self.keys("Tab")
        self.until(r"of \d+ by age$")
        for name in ("recv-q", "send-q", "state", "program", "peer", "age", "recv-q"):
            self.keys("s")
            self.until(rf"of \d+ by {name}$")
        self.until(r"(^CLOSE_WAIT(.|\n)*){6}")
        queues = [int(n) for n in re.findall(r"(?m)^CLOSE_WAIT +\S+ \S+ +(\d+)", self.terminal.screen())]
        self.assertEqual(queues, sorted(queues, reverse=True))
        self.keys("S")
        self.until(r"of \d+ by recv-q reversed$")
        self.keys("S", "BTab")
        self.until(r"^COUNT")

    def test_filter(self):
        self.start()
        self.keys("Tab", "/")
        self.terminal.type(f"sport = :{self.port} and state close-waitX")
        self.keys("BSpace")
        self.until(rf"^/sport = :{self.port} and state close-wait$")
        self.keys("C-u")
        self.terminal.type("state close-wait")
        self.keys("Enter")
        self.until(r"^\s+counts.*filter: state close-wait$")
        self.until(r"^CLOSE_WAIT")
        self.assertNotRegex(self.terminal.screen(), r"(?m)^(LISTEN|FIN_WAIT_2) ")
        self.keys("/", "C-u")
        self.terminal.type("dport = :99999")
        self.keys("Enter")
        self.until(r"^filter: .*65535")
        self.until(r"filter: state close-wait$")
        self.keys("/")
        self.until(r"^/dport = :99999$")
        self.keys("C-u")
        self.terminal.type("dport = :1")
        self.keys("Enter")
        self.until(r"No connections match")
        self.keys("/", "C-u", "Enter")
        self.until(r"^LISTEN")
        self.keys("/")
        self.terminal.type("x")
        self.keys("Escape")
        self.until(r"q quit")

    def test_one_connections_life(self):
        self.start()
        self.until(r"(harm|warning) .*python3")
        self.keys("/")
        self.terminal.type(f"state close-wait sport = :{self.port}")
        self.keys("Enter")
        self.until(r"^CLOSE_WAIT.*python3")
        # One that came while it was watched.
        self.keys("End", "Enter")
        self.until(r"one connection")
        self.until(rf"^CLOSE_WAIT for .*\n  local 127\.0\.0\.1:{self.port}, peer 127\.0\.0\.1:\d+ .*FIN_WAIT_2")
        self.until(rf"python3 \(pid {self.leaker.pid}\): fd \d+")
        self.until(r"^History$")
        if "exact" in self.terminal.screen():
            self.until(r"\d\d:\d\d:\d\d\.\d{3}  ESTABLISHED to CLOSE_WAIT, ")
        self.keys("End")
        self.until(r"^Rates$")
        self.until(r"\d+ bytes? received, 0 bytes a second")
        self.keys("Home")
        self.end_leaker()
        self.until(r"^Gone")
        self.keys("BSpace")
        self.until(r"of \d+ by age")
        self.quit()

    def test_a_finding_in_full(self):
        self.start()
        self.until(r"(harm|warning) .*python3")
        self.keys("BTab")
        self.until(r"^ +SEVERITY +FOR +SOCKETS +FINDING")
        self.keys("Home", "Enter")
        self.until(r"one finding")
        self.until(r"^(HARM|WARNING) ")
        self.until(r"^  seen     - ")
        self.until(r"^  rule     \S+")
        self.keys("Escape")
        self.until(r"^ +SEVERITY")

    def test_the_selection_stays_on_its_connection(self):
        self.start()
        self.keys("/")
        self.terminal.type("state close-wait")
        self.keys("Enter", "S")
        self.until(r"reversed; filter")
        self.keys("Down", "Down", "Down")
        time.sleep(0.3)
        chosen = self.selected()
        number = self.shown()
        self.until(rf"^ counts.* (?!{number} )\d+ of \d+ by age reversed")
        time.sleep(1.5)
        self.assertEqual(self.selected(), chosen)

    def selected(self):
        """The peer of the selected connection."""
        return self.until(r"\x1b\[7m.*CLOSE_WAIT.*127\.0\.0\.1:\d+ +(127\.0\.0\.1:\d+)", options=("-e",))[1]

    def shown(self):
        return self.until(r"(\d+) of \d+ by")[1]

    def test_pause_and_help(self):
        self.start()
        self.keys("Space")
        self.until(r"PAUSED")
        before = self.terminal.screen()
        time.sleep(2.5)
        self.assertEqual(self.terminal.screen(), before)
        self.keys("?")
        self.until(r"^Connections$")
        self.keys("Escape", "Space")
        self.until(r"^COUNT")
        self.assertNotIn("PAUSED", self.terminal.screen())
        self.quit()

    def test_sizes(self):
        self.start()
        for width, height in ((40, 10), (20, 4), (10, 2), (2, 1), (200, 50), (60, 12), (WIDTH, HEIGHT)):
            self.terminal.resize(width, height)
            for key in ("Tab", "Enter", "Down", "PageDown", "End", "Escape", "Tab", "Enter", "?", "Escape", "Escape",
                        "Tab", "Home"):
                self.keys(key)
                time.sleep(0.05)
            time.sleep(0.3)
            self.assertTrue(all(len(line) <= width for line in self.terminal.screen().splitlines()))
        self.until(r"^COUNT")
        self.terminal.resize(40, 10)
        self.until(r"^\d+ sockets .*(CW|CLOSE_WAIT) \d+")
        self.keys("Tab")
        self.until(r"^STATE +AGE.*PEER")
        self.until(r"^(CLOSE_WAIT|FIN_WAIT_2|LISTEN) ")
        self.terminal.resize(WIDTH, HEIGHT)
        self.quit()

    def test_redraw(self):
        self.start("--interval 60")
        self.until(r"^COUNT")
        self.keys("Space", "C-l")
        self.until(r"PAUSED")
        self.until(r"^COUNT")

    def settings(self):
        """Of the terminal, as the shell has them."""
        tty = os.readlink(f"/proc/{self.terminal.pid}/fd/0")
        return subprocess.run(["stty", "-F", tty, "-a"], check=True, stdout=subprocess.PIPE, text=True).stdout

    def test_signals_give_the_terminal_back(self):
        self.terminal = Terminal()
        self.addCleanup(self.terminal.close)
        self.until(r"\$")
        settings = self.settings()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, None):
            self.keys("clear", "Enter")
            self.run_watch()
            self.until(r"q quit")
            self.assertNotEqual(self.settings(), settings)
            if number:
                os.kill(self.terminal.child(), number)
            else:
                self.keys("C-c")
            self.until(r"^status 0$", 5)
            self.assertEqual(self.settings(), settings)
            self.until(r"before$")

    def test_stops_and_continues(self):
        self.start()
        self.keys("C-z")
        self.until(r"Stopped")
        self.keys("fg", "Enter")
        self.until(r"q quit")
        self.keys("q")
        self.until(r"^\$ $|^\$$")

    def test_its_time_is_over(self):
        self.start("--for 3 --interval 2")
        self.until(r"^status 0$", 6)

    def test_colours(self):
        self.start()
        self.until(r"\x1b\[[0-9;]*35m.*CLOSE_WAIT", options=("-e",))

    def test_without_colours(self):
        self.start(NO_COLOR="1")
        self.until(r"CLOSE_WAIT")
        self.assertNotRegex(self.terminal.screen("-e"), r"\x1b\[[0-9;]*[34][0-7]m")

    def test_without_utf8(self):
        self.start(LC_ALL="C")
        self.until(r"(harm|warning) .*python3")
        for key in ("Tab", "Enter", "Tab", "Enter", "?"):
            self.keys(key)
            time.sleep(0.3)
            self.assertTrue(self.terminal.screen().isascii())

    def test_a_log_elsewhere(self):
        self.terminal = Terminal(TERM="dumb")
        self.addCleanup(self.terminal.close)
        self.run_watch("--for 2")
        self.until(r"^# (exact|polled)")
        self.until(r"^status 0$")
        out = subprocess.run([COMMAND, "watch", "--for", "1"], check=True, stdout=subprocess.PIPE, text=True).stdout
        self.assertRegex(out, r"^# (exact|polled)")
        self.assertNotIn("\x1b", out)


def main():
    global COMMAND
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    host_rig.enter("tmux", few_processes=True)  # How often owners are looked for depends on how many there are.
    COMMAND = os.path.abspath(sys.argv[1])
    names = [name if "." in name else f"Watch.{name}" for name in sys.argv[2:] if not name.startswith("-")]
    options = [name for name in sys.argv[2:] if name.startswith("-")]
    unittest.main(argv=[sys.argv[0], *options, *names])


main()
