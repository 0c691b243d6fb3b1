#!/usr/bin/env python3
"""lastack export in a network namespace of its own: what it prints, serves and writes, checked by promtool and scraped
by Prometheus where they are installed; HTTP with clients that misbehave; and that the dashboard and the alert rules name
only metrics that there are. Usage: check-export.py COMMAND [TEST…]. Exit status 77: not root, so nothing was checked."""
import concurrent.futures
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

sys.dont_write_bytecode = True  # The tree stays as it is.
import host_rig

COMMAND = None
CONTRIB = Path(__file__).resolve().parent.parent / "contrib"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
TEXT = "text/plain; version=0.0.4; charset=utf-8"
KEEP = []  # Sockets that must stay open.


def stage():
    """A connection in CLOSE_WAIT, one in ESTABLISHED, one that nobody accepts."""
    listener = socket.create_server(("127.0.0.1", 8080))
    clients = [socket.create_connection(("127.0.0.1", 8080)) for _ in range(3)]
    servers = [listener.accept()[0] for _ in range(2)]
    clients[0].close()
    KEEP.extend([listener, *clients, *servers])


def export(*args, status=0):
    done = subprocess.run([COMMAND, "export", *args], capture_output=True, text=True, timeout=60)
    if done.returncode != status:
        raise AssertionError(f"export {args}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout if status == 0 else done.stderr


def promtool(*args, text=None):
    """What promtool says about it; None: it is not installed."""
    if not shutil.which("promtool"):
        return None
    done = subprocess.run(["promtool", *args], input=text, capture_output=True, text=True, timeout=60)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def as_text(openmetrics):
    """OpenMetrics for promtool, which reads the text format alone: there a counter's family is named as its samples."""
    counters = set(re.findall(r"^# TYPE (\S+) counter$", openmetrics, re.M))
    return re.sub(r"^# (HELP|TYPE) (\S+) ", lambda m: f"# {m[1]} {m[2]}{'_total' * (m[2] in counters)} ", openmetrics,
                  flags=re.M)


def families(text):
    return re.findall(r"^# TYPE (\S+) ", text, re.M)


def samples(text):
    """{(name, labels): value}"""
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, labels, value = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line).groups()
            if (name, labels) in found:
                raise AssertionError(f"twice: {line}")
            found[name, labels] = float(value)
    return found


def openmetrics_faults(text):
    """What of OpenMetrics 1.0 promtool does not look at."""
    if not text.endswith("\n# EOF\n") or text.count("# EOF") != 1 or "\n\n" in text:
        yield "it does not end as it should"
    family, seen, sampled = None, set(), False
    for line in text.splitlines()[:-1]:
        word = re.fullmatch(r"# (HELP|TYPE|UNIT) (\S+) (.+)", line)
        if word and word[2] != family:
            family, sampled = word[2], False
            if family in seen:
                yield f"{family} comes twice"
            seen.add(family)
        elif word and sampled:
            yield f"{line}: comes after samples"
        elif not word:
            sampled = True
            if re.match(r"\w+", line)[0] not in (family, f"{family}_total"):
                yield f"{line}: not in its family, {family}"
        if word and word[1] == "UNIT" and not family.endswith("_" + word[3]):
            yield f"{line}: the name does not end in its unit"


class Printed(unittest.TestCase):
    def test_openmetrics(self):
        text = export()
        self.assertEqual(list(openmetrics_faults(text)), [])
        self.assertIn(promtool("check", "metrics", text=as_text(text)), ("", None))

    def test_text(self):
        text = export("--format", "text")
        self.assertNotIn("EOF", text)
        self.assertIn(promtool("check", "metrics", text=text), ("", None))

    def test_what_was_staged_is_counted(self):
        found = samples(export("--format", "text"))
        held = {re.search('state="(\\w+)"', labels)[1]: value for (name, labels), value in found.items()
                if name == "lastack_connections" and 'program="python3' in labels}
        self.assertEqual(held.get("CLOSE_WAIT"), 1)
        self.assertEqual(held.get("FIN_WAIT_2", 0), 0)
        self.assertEqual(held.get("ESTABLISHED"), 3)
        queue = [value for (name, labels), value in found.items()
                 if name == "lastack_listener_accept_queue" and 'local="127.0.0.1:8080"' in labels]
        self.assertEqual(queue, [1])
        descriptors = [value for (name, labels), value in found.items()
                       if name == "lastack_process_fds" and f'pid="{os.getpid()}"' in labels]
        self.assertEqual(len(descriptors), 1)

    def test_filter(self):
        found = samples(export("--format", "text", "state", "close-wait"))
        states = {re.search('state="(\\w+)"', labels)[1] for name, labels in found if name == "lastack_connections"}
        self.assertEqual(states, {"CLOSE_WAIT"})

    def test_documents(self):
        document = subprocess.run([COMMAND, "ls", "--json"], capture_output=True, timeout=60, check=True).stdout
        with tempfile.NamedTemporaryFile() as file:
            file.write(document)
            file.flush()
            found = samples(export("--format", "text", "--from", file.name))
        self.assertTrue([1 for name, labels in found if name == "lastack_connections" and "CLOSE_WAIT" in labels])

    def test_wrong_usage(self):
        for args in (["--interval", "5"], ["--format", "xml"], ["--listen", "--textfile", "x.prom"], ["--nonsense"],
                     ["--textfile", "x.prom", "--interval", "0"], ["--listen=1.2.3.4.5:1"], ["--listen=70000"],
                     ["--listen=:9900"],  # Every address must be meant.
                     ["--listen", "--from", "-"], ["nonsense", "=", "1"], ["--textfile", "/nonexistent/x.prom"]):
            self.assertIn("lastack", export(*args, status=2), args)


class Written(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = Path(self.folder.name, "lastack.prom")

    def check(self):
        text = self.path.read_text()
        self.assertTrue(text.endswith("\n"))
        self.assertNotIn("EOF", text)
        self.assertIn(promtool("check", "metrics", text=text), ("", None))
        self.assertEqual(os.listdir(self.folder.name), ["lastack.prom"])

    def test_once(self):
        os.umask(0o022)
        export("--textfile", self.path)
        self.check()
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o644)

    def test_again_and_again(self):
        with subprocess.Popen([COMMAND, "export", "--textfile", self.path, "--interval", "1"]) as process:
            seen, until = set(), time.monotonic() + 20
            while len(seen) < 3 and time.monotonic() < until:
                if self.path.exists():
                    seen.add(self.path.stat().st_ino)
                time.sleep(0.05)
            process.terminate()
            self.assertEqual(process.wait(10), 0)
        self.assertGreaterEqual(len(seen), 2)  # Each is a new file.
        self.check()


class Served(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.process, cls.port = start("--listen", "0")

    @classmethod
    def tearDownClass(cls):
        cls.process.send_signal(signal.SIGINT)
        assert cls.process.wait(10) == 0
        cls.process.stderr.close()

    def connect(self):
        client = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        self.addCleanup(client.close)
        return client

    def ask(self, request):
        """All that comes back until the server closes."""
        client = self.connect()
        client.sendall(request)
        return read_all(client)

    def head(self, target="/", method="GET", more=""):
        return f"{method} {target} HTTP/1.1\r\nHost: x\r\n{more}Connection: close\r\n\r\n".encode()

    def get(self, path, accept=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}",
                                         headers={"Accept": accept} if accept else {})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.headers["Content-Type"], answer.read().decode()

    def test_formats(self):
        prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75," \
                     "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
        for accept in (prometheus, "application/openmetrics-text"):
            kind, text = self.get("/metrics", accept)
            self.assertEqual(kind, OPENMETRICS)
            self.assertEqual(list(openmetrics_faults(text)), [])
            self.assertIn(promtool("check", "metrics", text=as_text(text)), ("", None))
        for accept in (None, "*/*", "text/plain", "application/openmetrics-text;q=0",
                       "application/openmetrics-text; q=0.3, text/plain; q=0.9"):
            kind, text = self.get("/metrics?x=1", accept)
            self.assertEqual(kind, TEXT)
            self.assertIn(promtool("check", "metrics", text=text), ("", None))

    def test_own_sockets_are_not_counted(self):
        client = self.connect()
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        client.recv(1)
        time.sleep(1.1)
        found = samples(self.get("/metrics")[1])
        self.assertFalse([labels for _, labels in found if labels and "program=\"lastack\"" in labels])
        self.assertFalse([labels for _, labels in found if labels and f":{self.port}\"" in labels])

    def test_pages(self):
        self.assertIn("href=\"metrics\"", self.get("/")[1])
        self.assertIn("healthy", self.get("/-/healthy")[1])

    def test_refusals(self):
        for request, status in [
                (self.head("/nothing"), 404), (self.head("/metrics", "POST"), 405), (self.head("/", "BREW"), 405),
                (self.head("/metrics", "DELETE", "Content-Length: 3\r\n") + b"abc", 405),
                (b"GET /metrics HTTP/1.1\r\n\r\n", 400), (b"\x00\x01\x02\r\n\r\n", 400), (b"GET\r\n\r\n", 400),
                (b"GET metrics HTTP/1.1\r\nHost: x\r\n\r\n", 400), (b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
                (b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400), (b"GET / HTTP/1.1\r\nHost: x\nb: c\r\n\r\n", 400),
                (b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400), (b"\r\n\r\n", 400),
                (b"GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", 400), (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505),
                (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 9000 + b"\r\n\r\n", 431), (b"a" * 100000, 431)]:
            answer = self.ask(request)
            self.assertEqual(int(answer.split()[1]), status, (request[:60], answer))
        self.assertIn(b"\r\nAllow: GET, HEAD\r\n", self.ask(self.head("/metrics", "PUT")))

    def test_head_has_no_body(self):
        whole, head = self.ask(self.head("/")), self.ask(self.head("/", "HEAD"))
        self.assertTrue(head.endswith(b"\r\n\r\n"))
        self.assertEqual(re.search(rb"Content-Length: \d+", whole)[0], re.search(rb"Content-Length: \d+", head)[0])

    def test_absolute_targets_and_old_clients(self):
        self.assertIn(b"200 OK", self.ask(self.head(f"http://127.0.0.1:{self.port}/-/healthy")))
        self.assertIn(b"200 OK", self.ask(b"GET / HTTP/1.0\r\n\r\n"))

    def test_requests_in_a_row(self):
        one = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"
        self.assertEqual(self.ask(one * 50 + self.head("/-/ready")).count(b"200 OK"), 51)

    def test_one_byte_at_a_time(self):
        client = self.connect()
        for byte in self.head("/-/healthy"):
            client.sendall(bytes([byte]))
        self.assertIn(b"200 OK", read_all(client))

    def test_slow_clients_are_dropped_and_hold_up_nobody(self):
        began = time.monotonic()
        silent, slow = self.connect(), self.connect()
        slow.sendall(b"GET / HT")
        self.assertIn("healthy", self.get("/-/healthy")[1])
        self.assertLess(time.monotonic() - began, 3)
        self.assertEqual(read_all(silent), b"")
        self.assertEqual(read_all(slow), b"")
        self.assertGreater(time.monotonic() - began, 4)
        self.assertLess(time.monotonic() - began, 12)

    def test_many_clients(self):
        with concurrent.futures.ThreadPoolExecutor(60) as pool:
            answers = list(pool.map(lambda _: self.get("/metrics")[1], range(60)))
        self.assertTrue(all("lastack_build_info" in answer for answer in answers))
        self.assertLess(len(set(answers)), 30)  # They share looks.

    def test_silent_clients_make_room(self):
        silent = [self.connect() for _ in range(20)]
        for client in silent:
            client.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertIn(b"200 OK", client.recv(1000))
        self.assertIn("healthy", self.get("/-/healthy")[1])

    def test_clients_that_go_away(self):
        for _ in range(50):
            client = socket.create_connection(("127.0.0.1", self.port))
            client.sendall(self.head("/metrics"))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            client.close()
        self.assertIn("healthy", self.get("/-/healthy")[1])

    def test_the_same_port_twice(self):
        self.assertIn("cannot listen", export("--listen", str(self.port), status=2))


def read_all(client):
    got = b""
    try:
        while part := client.recv(65536):
            got += part
    except ConnectionResetError:
        pass
    return got


def start(*args):
    """A server, and its port."""
    process = subprocess.Popen([COMMAND, "export", *args], stderr=subprocess.PIPE, text=True)
    line = process.stderr.readline()
    return process, int(re.search(r":(\d+)/metrics", line)[1])


class Places(unittest.TestCase):
    def test_where_it_listens(self):
        for args, host in ((["--listen"], "127.0.0.1"), (["--listen", "9900"], "127.0.0.1"),
                           (["--listen", "127.0.0.2:9900"], "127.0.0.2"), (["--listen", "[::1]:9900"], "::1"),
                           (["--listen=[::]:9900"], "::1"), (["--listen=*:9900"], "127.0.0.1"),
                           (["--listen", "state", "established"], "127.0.0.1")):
            process, port = start(*args)
            with socket.create_connection((host, port), timeout=10) as client:
                client.sendall(b"GET /-/healthy HTTP/1.0\r\n\r\n")
                self.assertIn(b"200 OK", read_all(client), args)
            process.terminate()
            self.assertEqual(process.wait(10), 0, args)
            process.stderr.close()


class Unable(unittest.TestCase):
    def test_what_cannot_be_read_is_said(self):
        process, port = start("--listen", "0", "--stack", "/nonexistent")
        with self.assertRaises(urllib.error.HTTPError) as raised:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10)
        self.assertEqual(raised.exception.code, 503)
        raised.exception.close()
        process.terminate()
        self.assertIn("/nonexistent", process.communicate(timeout=10)[1])
        self.assertEqual(process.returncode, 0)


@unittest.skipUnless(shutil.which("prometheus"), "prometheus is not installed")
class Scraped(unittest.TestCase):
    def test_prometheus_takes_it(self):
        exporter, port = start("--listen", "0")
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "p.yml").write_text(f"global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n"
                                             f"- job_name: lastack\n  static_configs: [{{targets: ['127.0.0.1:{port}']}}]\n")
            prometheus = subprocess.Popen(["prometheus", f"--config.file={folder}/p.yml",
                                           f"--storage.tsdb.path={folder}/data", "--web.listen-address=127.0.0.1:9090"],
                                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                found = self.wait_for('lastack_connections{state="CLOSE_WAIT"}')
                self.assertEqual({one["metric"]["job"] for one in found}, {"lastack"})
                self.assertTrue(self.wait_for("lastack_listener_drops_total"))
                self.assertEqual([one["value"][1] for one in self.wait_for("up")], ["1"])
                self.check_expressions()
            finally:
                for process in (prometheus, exporter):
                    process.terminate()
                    process.wait(30)
                exporter.stderr.close()

    def query(self, expression):
        url = "http://127.0.0.1:9090/api/v1/query?query=" + urllib.request.quote(expression)
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]["result"]

    def wait_for(self, expression):
        until = time.monotonic() + 40
        while time.monotonic() < until:
            try:
                if result := self.query(expression):
                    return result
            except OSError:
                pass
            time.sleep(0.3)
        self.fail(f"nothing for {expression}")

    def check_expressions(self):
        """Every expression of the dashboard is understood."""
        for expression in dashboard_expressions():
            for name, value in (("$instance", ".*"), ("$program", ".*"), ("$__rate_interval", "1m")):
                expression = expression.replace(name, value)
            self.query(expression)


def dashboard_expressions():
    dashboard = json.loads((CONTRIB / "grafana/lastack.json").read_text())
    return [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]


class Contrib(unittest.TestCase):
    def exported(self):
        return set(families(export("--format", "text")))

    def named(self, text):
        return set(re.findall(r"\blastack_[a-z_]+\b", text))

    def test_dashboard(self):
        dashboard = json.loads((CONTRIB / "grafana/lastack.json").read_text())
        named = self.named(json.dumps(dashboard))
        self.assertEqual(named - self.exported(), set())
        self.assertGreater(len(named), 12)
        numbers = [panel["id"] for panel in dashboard["panels"]]
        self.assertEqual(len(numbers), len(set(numbers)))
        self.assertIn("datasource", [one["name"] for one in dashboard["templating"]["list"]])

    def test_alert_rules(self):
        for name in ("lastack.rules.yml", "lastack.rules.test.yml"):
            self.assertEqual(self.named((CONTRIB / "prometheus" / name).read_text()) - self.exported(), set(), name)
        self.assertIn(promtool("check", "rules", str(CONTRIB / "prometheus/lastack.rules.yml")), ("", None))
        self.assertIn(promtool("test", "rules", str(CONTRIB / "prometheus/lastack.rules.test.yml")), ("", None))

    def test_scrape_config(self):
        self.assertIn(promtool("check", "config", str(CONTRIB / "prometheus/scrape.yml")), ("", None))


class Runbooks(unittest.TestCase):
    def test_they_exist(self):
        """An alert names a section, "All rules" besides the row."""
        text = (CONTRIB.parent / "doc/diagnose.md").read_text()
        sections = set(re.findall(r"^##+ (.+)$", text, re.M))
        named = re.findall(r'runbook: "doc/diagnose.md, ([^":]+)(?:: ([^"]+))?"',
                           (CONTRIB / "prometheus/lastack.rules.yml").read_text())
        self.assertGreater(len(named), 5)
        self.assertLessEqual({section for section, _ in named}, sections)
        self.assertEqual({row for section, row in named if section == "All rules"}, {"{{ $labels.rule }}"})


def main():
    global COMMAND
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    COMMAND = os.path.abspath(sys.argv[1])
    host_rig.enter()
    stage()
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])


if __name__ == "__main__":
    main()
