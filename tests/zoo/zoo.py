#!/usr/bin/env python3
"""What the animals have in common, and their keeper.

An animal imports this, stages its situation, says `ready(…)` and stays as it is. Other processes of the situation are
its children; a second host is a network namespace at the other end of a wire.

    zoo.py ANIMAL      runs one in a fresh network namespace (and mount namespace) until standard input ends, then
                       ends it and all its children. ANIMAL: a Python file here, or a compiled program."""
import ctypes
import json
import os
import runpy
import select
import signal
import socket
import struct
import subprocess
import sys
import time
import traceback

ESTABLISHED, SYN_SENT, FIN_WAIT_1, FIN_WAIT_2 = 1, 2, 4, 5
TIME_WAIT, CLOSE_WAIT, LAST_ACK, CLOSING = 6, 8, 9, 11
SKIP = 77  # The exit status of an animal that cannot be shown here.

_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNS, _CLONE_NEWPID, _CLONE_NEWNET = 0x20000, 0x20000000, 0x40000000
_MS_REC, _MS_PRIVATE = 0x4000, 0x40000
_PR_SET_PDEATHSIG, _PR_SET_NAME, _PR_SET_CHILD_SUBREAPER = 1, 15, 36
_TCP_REPAIR = 19
_kept = []  # What must not be closed by the collector.


def _call(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


# --- Staging ---

def until(fact, seconds=10):
    """Waits for something to become true; gives up with an error."""
    end = time.monotonic() + seconds
    while not fact():
        if time.monotonic() > end:
            raise TimeoutError("the situation did not come about")
        time.sleep(0.01)


def state(sock):
    return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]


def forever():
    while True:
        time.sleep(3600)


def rename(text):
    """What this process is called from here on."""
    _libc.prctl(_PR_SET_NAME, text)


def own_pids():
    """Children from here on live in a pid namespace of their own."""
    _call(_libc.unshare(_CLONE_NEWPID))


def skip(reason):
    print(reason, file=sys.stderr, flush=True)
    os._exit(SKIP)


def child(work, host=None, name="visitor", keeps=()):
    """Another process (on another host) that does this, and then sleeps until the animal ends. Of the animal's sockets
    it keeps only these. Its pid."""
    parent = os.getpid()
    if pid := os.fork():
        return pid
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    _libc.prctl(_PR_SET_NAME, name.encode())
    try:
        if os.getppid() not in (parent, 0):  # 0: it is outside of this pid namespace.
            os._exit(1)
        for sock in _kept:
            if sock not in keeps:
                sock.close()
        if host:
            host.enter()
        work()
        forever()
    except BaseException:
        traceback.print_exc()
    os._exit(1)


def listen(address="127.0.0.1", backlog=128):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.create_server((address, 0), family=family, backlog=backlog, dualstack_ipv6=address == "::")
    _kept.append(listener)
    return listener


def visit(listener, script=lambda sock: None, count=1, host=None, to=None):
    """Another process connects `count` times, does `script` with each connection, and keeps what that leaves open."""
    address = (to or listener.getsockname()[0], listener.getsockname()[1])

    def work():
        for sock in [socket.create_connection(address) for _ in range(count)]:
            _kept.append(sock)
            script(sock)
    return child(work, host)


def serve(script=lambda sock: None, host=None):
    """Another process listens, does `script` with every connection, and keeps what that leaves open. (pid, address)"""
    if host:
        host.enter()
    listener = listen(host.address if host else "127.0.0.1")
    if host:
        host.leave()

    def work():
        while True:
            sock, _ = listener.accept()
            _kept.append(sock)
            script(sock)
    pid, address = child(work, host, keeps=[listener]), listener.getsockname()
    _kept.remove(listener)
    listener.close()
    return pid, address


def guest(script, listener=None, host=None, to=None):
    """A connection accepted from another process that does `script` with it."""
    listener = listener or listen(host.near if host else "127.0.0.1")
    visit(listener, script, host=host, to=to)
    sock, _ = listener.accept()
    _kept.append(sock)
    return sock


def left(data=b"", **how):
    """A connection that the other side has left after sending this (its FIN in the same segment): in CLOSE_WAIT."""
    def script(sock):
        if data:
            sock.send(data, socket.MSG_MORE)
        sock.close()
    sock = guest(script, **how)
    until(lambda: state(sock) == CLOSE_WAIT)
    return sock


def fill(sock):
    """Sends until nothing more fits."""
    sock.setblocking(False)
    try:
        while True:
            sock.send(bytes(65536))
    except BlockingIOError:
        sock.setblocking(True)


def vanish(sock):
    """Closes without a word to the other side, as a host that loses power."""
    sock.setsockopt(socket.IPPROTO_TCP, _TCP_REPAIR, 1)
    sock.close()


def connect(address):
    sock = socket.create_connection(address)
    _kept.append(sock)
    return sock


def time_waits(count):
    """Connections that this side opens and closes first, each with a port of its own."""
    sysctl("net.ipv4.tcp_tw_reuse", 0)
    _, address = serve(lambda sock: (sock.recv(1), sock.close()))
    for _ in range(count):
        sock = socket.create_connection(address)
        sock.shutdown(socket.SHUT_WR)
        sock.recv(1)
        sock.close()


# --- The host ---

def ip(*lines, pid=None):
    """Lines as for ip(8), in this namespace or that of a process."""
    enter = ["nsenter", f"--net=/proc/{pid}/ns/net"] if pid else []
    subprocess.run([*enter, "ip", "-batch", "-"], input="\n".join(lines), text=True, check=True)


def sysctl(name, value):
    with open("/proc/sys/" + name.replace(".", "/"), "w") as file:
        file.write(str(value))


def sysctl_file(text):
    """Puts one file with this text where /etc/sysctl.d is, in this mount namespace."""
    target = b"/etc/sysctl.d"
    _call(_libc.mount(b"tmpfs", target, b"tmpfs", 0, None))
    with open(os.path.join(target.decode(), "90-zoo.conf"), "w") as file:
        file.write(text)


class Host:
    """Another host at the other end of a wire."""
    near, address, nobody = "10.77.0.1", "10.77.0.2", "10.77.0.9"

    def __init__(self):
        here = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        _call(_libc.unshare(_CLONE_NEWNET))
        self._there, self._here = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC), here
        self.leave()
        self.pid = child(lambda: None, self, "host")
        try:
            self._wire()
        except subprocess.CalledProcessError:
            skip("there is no veth here")

    def _wire(self):
        until(lambda: os.readlink(f"/proc/{self.pid}/ns/net") == os.readlink(f"/proc/self/fd/{self._there}"))
        ip(f"link add la0 address 02:00:00:00:00:01 type veth peer name la1 address 02:00:00:00:00:02 netns {self.pid}",
           f"addr add {self.near}/24 dev la0", "link set la0 up",
           f"neigh replace {self.address} lladdr 02:00:00:00:00:02 dev la0 nud permanent",
           f"neigh replace {self.nobody} lladdr 02:00:00:00:00:ff dev la0 nud permanent")
        ip("link set lo up", f"addr add {self.address}/24 dev la1", "link set la1 up",
           f"neigh replace {self.near} lladdr 02:00:00:00:00:01 dev la1 nud permanent", pid=self.pid)

    def enter(self):
        _call(_libc.setns(self._there, _CLONE_NEWNET))

    def leave(self):
        _call(_libc.setns(self._here, _CLONE_NEWNET))

    def cut(self):
        """From here on nothing that this host sends arrives there."""
        ip(f"neigh replace {self.address} lladdr 02:00:00:00:00:ff dev la0 nud permanent")


def syns(host, listener, count):
    """SYNs for a listener that nobody means: from another host, with the address of none."""
    to = listener.getsockname()

    def work():
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        addresses = socket.inet_aton(host.nobody) + socket.inet_aton(to[0])
        for port in range(20000, 20000 + count):
            segment = struct.pack("!HHIIBBHHH", port, to[1], port, 0, 5 << 4, 2, 65535, 0, 0)
            check = _checksum(addresses + struct.pack("!HH", socket.IPPROTO_TCP, len(segment)) + segment)
            segment = segment[:16] + struct.pack("!H", check) + segment[18:]
            head = struct.pack("!BBHHHBBH", 0x45, 0, 40, port, 0, 64, socket.IPPROTO_TCP, 0) + addresses
            raw.sendto(head + segment, to)
    child(work, host)


def _checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


# --- Saying what is to be found ---

def ready(expect, fd=None, pid=None, also=(), claims=(), why=(), **more):
    """The situation is there: says what `lastack why` should find, as README.md explains. `fd` may be a socket."""
    if hasattr(fd, "fileno"):
        fd = fd.fileno()
    told = {"expect": expect, "pid": os.getpid() if pid is None else pid, "fd": fd, "also": list(also),
            "claims": list(claims), "why": [str(word) for word in why], **more}
    print(json.dumps(told), flush=True)


# --- The keeper ---

def _isolate():
    try:
        _call(_libc.unshare(_CLONE_NEWNET | _CLONE_NEWNS))
    except PermissionError as error:
        skip(f"a namespace of its own: {error.strerror}")
    _call(_libc.mount(None, b"/", None, _MS_REC | _MS_PRIVATE, None))
    ip("link set lo up")


def _run(path):
    os.setpgid(0, 0)
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    if not path.endswith(".py"):
        os.execv(path, [path])
    name = os.path.splitext(os.path.basename(path))[0]
    _libc.prctl(_PR_SET_NAME, name.encode())
    sys.modules["zoo"] = sys.modules["__main__"]
    runpy.run_path(path, run_name="animal")
    forever()


def _keep(path):
    """Runs an animal until standard input ends; the exit status."""
    _isolate()
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1)
    pid = os.fork()
    if pid == 0:
        try:
            _run(path)
        except BaseException:
            traceback.print_exc()
        os._exit(1)
    try:
        os.setpgid(pid, pid)  # Whoever comes first.
    except PermissionError:
        pass  # It runs another program already, so it was first.
    ended = os.pidfd_open(pid)
    while ended not in (readable := select.select([0, ended], [], [])[0]) and os.read(0, 4096):
        pass
    alive = ended not in readable
    os.killpg(pid, signal.SIGKILL)  # Its children, too. It is not buried yet, so the group is there.
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    try:
        while os.wait():  # What it left behind has come to this process.
            pass
    except ChildProcessError:
        pass
    return 0 if alive else status if status > 0 else 1


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(_keep(os.path.abspath(sys.argv[1])))
