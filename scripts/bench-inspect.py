#!/usr/bin/env python3
"""How fast lastack looks at a host with 100,000 sockets, beside ss on the same host in the same run.

Usage: bench-inspect.py [--json] [--sockets N] [--seconds N] [--rounds N] COMMAND     COMMAND: the lastack program

In namespaces of their own (network, processes), servers and clients hold half as many loopback connections as there
shall be sockets, besides some in CLOSE_WAIT and TIME_WAIT. `ls --by state` then runs by turns with `ss -tan`, and `why` with
`ss -tanp`, all to /dev/null; the medians are compared. Before that, with a tenth of the sockets, the processor time of
`watch --log` is measured over some seconds, while nothing happens and while 100 connections come and go each second.
Exit status: 0; 1 when a target is missed; 77 when not root."""
import argparse
import json
import os
import resource
import select
import signal
import socket
import statistics
import subprocess
import sys
import time

SKIP = 77
RATIO, SHARE = 2.0, 3.0  # Targets: times as long as ss; per cent of a core.
PER_SERVER = 5000  # Connections.
CLOSE_WAITS, TIME_WAITS = 500, 1000
CHURN = 100  # Connections per second.
INSIDE = "BENCH_INSPECT_INSIDE"


# --- The host ---

def go_inside():
    """Begins again as the first process of the namespaces: all others end with it, and none of the host's is seen."""
    if os.environ.get(INSIDE):
        return
    enter = ["unshare", "--net", "--pid", "--mount-proc", "--fork", "--kill-child"]
    if subprocess.run([*enter, "true"]).returncode != 0:
        print("bench-inspect.py: namespaces cannot be made here", file=sys.stderr)
        sys.exit(SKIP)
    os.environ[INSIDE] = "1"
    os.execvp(enter[0], [*enter, sys.executable, "-B", *sys.argv])


def prepare():
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    limit = 2 * PER_SERVER
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, max(limit, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))


def child(work):
    """Another process that does this, says so with a byte and sleeps; (pid, where it says so)."""
    there, here = os.pipe()
    if pid := os.fork():
        os.close(here)
        return pid, there
    try:
        os.close(there)
        work(lambda: os.write(here, b"."))
    finally:
        os._exit(1)


def await_all(children):
    for pid, there in children:
        if os.read(there, 1) != b".":
            sys.exit(f"bench-inspect.py: process {pid} could not hold its connections")


def serve(listener, count):
    """A loop as servers have it: everything accepted is in an epoll set."""
    def work(said):
        poll, held = select.epoll(), []
        for _ in range(count):
            held.append(listener.accept()[0])
            poll.register(held[-1], select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET)
        said()
        while True:
            poll.poll()
    return work


def hold(address, count):
    def work(said):
        held = [socket.create_connection(address) for _ in range(count)]
        said()
        signal.pause()
        held.clear()
    return work


def crowd(first, connections):
    """Servers and clients with so many connections; each pair has an address of its own. Their processes."""
    children = []
    for number in range(-(-connections // PER_SERVER)):
        count = min(PER_SERVER, connections - number * PER_SERVER)
        listener = socket.create_server((f"127.0.1.{first + number}", 8080), backlog=4096)
        children += [child(serve(listener, count)), child(hold(listener.getsockname(), count))]
        listener.close()
    await_all(children)
    return children


def leave_behind(said):
    """What is in CLOSE_WAIT because this process closes nothing, and what is in TIME_WAIT."""
    listener = socket.create_server(("127.0.2.1", 8080), backlog=4096)
    held = []
    for number in range(CLOSE_WAITS + TIME_WAITS):
        client = socket.create_connection(listener.getsockname())
        server = listener.accept()[0]
        client.shutdown(socket.SHUT_WR)
        if number < CLOSE_WAITS:
            held += [client, server]
        else:
            server.close()
            client.recv(1)
            client.close()
    said()
    signal.pause()
    held.clear()


def come_and_go(said):
    listener = socket.create_server(("127.0.2.2", 8080), backlog=4096)
    said()
    due = time.monotonic()
    while True:
        client = socket.create_connection(listener.getsockname())
        server = listener.accept()[0]
        client.close()
        server.close()
        due += 1 / CHURN
        time.sleep(max(0, due - time.monotonic()))


def end(children):
    for pid, there in children:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(there)


# --- Measuring ---

def seconds_of(command, statuses):
    begin = time.monotonic()
    status = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL).returncode
    if status not in statuses:
        sys.exit(f"bench-inspect.py: {' '.join(command)}: exit status {status}")
    return time.monotonic() - begin


def compare(ours, other, rounds):
    """The medians of two commands that run by turns, as a row."""
    times = [(seconds_of(ours, (0, 1, 3)), seconds_of(other, (0,))) for _ in range(rounds + 1)][1:]
    own, others = (statistics.median(column) for column in zip(*times))
    return {"what": " ".join(["lastack", *ours[1:]]), "beside": " ".join(other), "seconds": round(own, 4),
            "beside_seconds": round(others, 4), "value": round(own / others, 2), "target": RATIO}


def share(command, options, seconds, while_what):
    """The processor time that a watch takes, as a row."""
    arguments = ["watch", "--log", "--for", str(seconds), *options]
    watch = subprocess.Popen([command, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(watch.pid, 0)
    watch.returncode = os.waitstatus_to_exitcode(status)
    if watch.returncode:
        sys.exit(f"bench-inspect.py: watch: exit status {watch.returncode}")
    taken = used.ru_utime + used.ru_stime
    return {"what": " ".join(["lastack", *arguments]), "while": while_what, "seconds": round(taken, 3),
            "value": round(100 * taken / seconds, 2), "target": SHARE}


def measure_watch(command, seconds, while_what):
    return [share(command, options, seconds, while_what) for options in ([], ["--no-events"])]


def measure(command, sockets, seconds, rounds):
    children = [child(leave_behind)]
    await_all(children)
    children += crowd(1, sockets // 20)
    rows = measure_watch(command, seconds, "nothing happens")
    churn = [child(come_and_go)]
    await_all(churn)
    rows += measure_watch(command, seconds, f"{CHURN} connections/s come and go")
    end(churn)
    children += crowd(100, sockets // 2 - sockets // 20)
    rows += [compare([command, "ls", "--by", "state"], ["ss", "-tan"], rounds),
             compare([command, "why"], ["ss", "-tanp"], rounds)]
    end(children)
    return rows


def print_rows(rows):
    for row in rows:
        beside = f"{row['beside']} {row['beside_seconds']:.3f} s" if "beside" in row else row["while"]
        unit = " x" if "beside" in row else " %"
        verdict = "" if row["value"] <= row["target"] else "   MISSED"
        print(f"{row['what']:<40} {row['seconds']:>7.3f} s   {beside:<32} {row['value']:>6.2f}{unit}"
              f"   (at most {row['target']:g}{unit}){verdict}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--sockets", type=int, default=100000, metavar="N", help="how many (100000)")
    parser.add_argument("--seconds", type=int, default=20, metavar="N", help="how long watch is measured (20)")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="how often ls and why run (5)")
    parser.add_argument("command")
    args = parser.parse_args()
    if os.geteuid() != 0:
        print("bench-inspect.py: namespaces need root", file=sys.stderr)
        return SKIP
    go_inside()
    prepare()
    rows = measure(os.path.abspath(args.command), args.sockets, args.seconds, args.rounds)
    if args.json:
        print(json.dumps({"format": "lastack inspect bench 1", "sockets": args.sockets, "rows": rows}, indent=1))
    else:
        print_rows(rows)
    return 1 if any(row["value"] > row["target"] for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
