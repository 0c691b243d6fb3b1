"""Processes that do with TCP sockets what they are told, and the state of their connections, for check-fix.py."""
import os
import subprocess
import sys
from pathlib import Path

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
