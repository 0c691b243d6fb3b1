#!/usr/bin/env python3
"""The command line of lastack drill, on small scripts written here: verdicts, exit statuses, the order of the list,
profiles, and every form of output. Usage: check-drill-cli.py COMMAND"""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree as xml
from pathlib import Path

COMMAND = None

OPEN = """
0   socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0  bind(3, ..., ...) = 0
+0  listen(3, 1) = 0
+0  < S 0:0(0) win 65535 <mss 1460>
"""
PASS = OPEN + "+0 > S. 0:0(0) ack 1 <...>\n"
FAIL = OPEN + "+0 > S. 0:0(0) ack 2 <...>\n"
SCRIPTS = {
    "a/pass.pkt": PASS,
    "a/fail.pkt": FAIL,
    "b/n-a.pkt": OPEN + "+0 > sctp: COOKIE_ACK[flags=0]\n",
    "b/six.pkt": "--ip_version=ipv6\n" + PASS,
    "b/killed.pkt": "0 `kill -KILL $PPID`\n" + PASS,
    "b/malformed.pkt": "// A comment.\n0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 < Q 0:0(0) win 5\n",
    "b/cwd.pkt": "0 `test -e cwd.pkt`\n" + PASS,
    "b/not-a-script.txt": "",
    "bsd/x.pkt": PASS,
    "bsd/linux/x.pkt": PASS,
    "strict/x.pkt": PASS,
    "strict/bsd/y.pkt": PASS,
    "strict/drill.profile": "rfc\n",
}


class Drill(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        for name, text in SCRIPTS.items():
            path = Path(cls.folder.name, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def drill(self, *args, status, stdin=""):
        """Standard output and error of a run that must end with `status`."""
        run = subprocess.run([COMMAND, "drill", *args], cwd=self.folder.name, input=stdin, capture_output=True,
                             text=True, errors="replace", timeout=120)
        self.assertEqual(run.returncode, status, f"drill {args}\n{run.stdout}{run.stderr}")
        return run.stdout, run.stderr

    def test_a_script_that_passes(self):
        out, err = self.drill("a/pass.pkt", status=0)
        self.assertRegex(out, r"^pass +a/pass.pkt")
        self.assertEqual(err, "")

    def test_a_script_that_fails_says_line_and_both_packets(self):
        out, _ = self.drill("a/fail.pkt", status=1)
        self.assertRegex(out, r"^FAIL +a/fail.pkt")
        self.assertIn("line 6", out)
        self.assertIn("ack 2", out)
        self.assertIn("ack 1", out)

    def test_a_script_that_does_not_apply(self):
        out, _ = self.drill("b/n-a.pkt", status=77)
        self.assertRegex(out, r"^n/a +b/n-a.pkt +\(.+\)")
        self.drill("b/n-a.pkt", "a/pass.pkt", status=0)

    def test_a_malformed_script_says_where_and_what_was_expected(self):
        _, err = self.drill("b/malformed.pkt", status=2)
        self.assertRegex(err, r"^b/malformed.pkt:3:\d+: .*expected")
        self.drill("--quiet", "b/malformed.pkt", "a/fail.pkt", "a/pass.pkt", status=2)

    def test_a_script_that_kills_its_process_is_broken_and_the_others_go_on(self):
        out, _ = self.drill("-j1", "b/killed.pkt", "a/pass.pkt", "a/pass.pkt", status=1)
        self.assertRegex(out, r"broken +b/killed.pkt\n +.*SIGKILL")
        self.assertEqual(out.count("pass    a/pass.pkt"), 2)

    def test_a_script_runs_in_its_own_directory(self):
        self.drill("b/cwd.pkt", "a/pass.pkt", status=0)

    def test_a_signal_stops_all_and_leaves_nothing(self):
        temporary = Path(self.folder.name, "tmp")
        temporary.mkdir()
        run = subprocess.Popen([COMMAND, "drill", "-j2", "a/pass.pkt", "-", "a/pass.pkt"], cwd=self.folder.name, text=True,
                               env=os.environ | {"TMPDIR": str(temporary)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, start_new_session=True)
        run.stdin.write("0 `echo $$ > pid; sleep 9; true`\n" + PASS)
        run.stdin.close()
        pid = Path(self.folder.name, "pid")
        for _ in range(500):
            if pid.exists() and pid.read_text().strip():
                break
            time.sleep(0.01)
        self.assertEqual(len(list(temporary.iterdir())), 1)
        os.killpg(run.pid, signal.SIGINT)
        run.wait(5)
        self.assertEqual(run.returncode, -signal.SIGINT)
        self.assertRegex(run.stdout.read(), "^pass +a/pass.pkt\n")
        self.assertIn("stopped by SIGINT; 1 of 3 scripts ran", run.stderr.read())
        self.assertEqual(list(temporary.iterdir()), [])
        for _ in range(500):  # Its new parent may take a moment to bury it.
            if not Path("/proc", pid.read_text().strip()).exists():
                break
            time.sleep(0.01)
        self.assertFalse(Path("/proc", pid.read_text().strip()).exists())
        run.stdout.close()
        run.stderr.close()
        shutil.rmtree(temporary)
        pid.unlink()

    def test_output_that_cannot_be_written_is_an_error(self):
        for how in (">&-", ">/dev/full"):
            run = subprocess.run(["sh", "-c", f'"$0" drill a/pass.pkt b/cwd.pkt {how}', COMMAND], cwd=self.folder.name,
                                 capture_output=True, text=True, timeout=60)
            self.assertEqual(run.returncode, 2, how)
            self.assertIn("standard output", run.stderr)

    def test_standard_input(self):
        self.drill("-", stdin=PASS, status=0)
        self.drill("-", stdin=FAIL, status=1)
        _, err = self.drill("-", stdin="0 0", status=2)
        self.assertRegex(err, r"^<stdin>:1:")

    def test_wrong_usage(self):
        for args in ([], ["--nonsense", "a"], ["--on", "moon", "a"], ["--profile=plan9", "a"], ["-j0", "a"], ["-j"],
                     ["nowhere"], ["-vz", "a"], ["-vj", "a"], ["--quiet=3", "a"], ["--mtu=3", "a"], ["--repeat", "x", "a"]):
            _, err = self.drill(*args, status=2)
            self.assertNotEqual(err, "", args)

    def test_help(self):
        self.assertIn("usage", self.drill("--help", status=0)[0])

    def test_the_command_line_may_be_the_original_tool_s(self):
        self.drill("--ip_version", "ipv6", "-D", "X=1", "-DY=2", "--tolerance_usecs=5000", "--verbose", "a/pass.pkt", status=0)

    def test_all_versions_are_those_that_the_script_leaves_open(self):
        out, _ = self.drill("--ip_version=all", "a/pass.pkt", "b/six.pkt", status=0)
        for name in ("a/pass.pkt [ipv4]", "a/pass.pkt [ipv6]", "a/pass.pkt [ipv4-mapped-ipv6]", "b/six.pkt [ipv6]"):
            self.assertEqual(out.count(name), 1, out)
        self.assertEqual(out.count("b/six.pkt"), 1)

    def test_directories_are_walked_in_order_and_profiles_follow_the_place(self):
        out, _ = self.drill("--list", "bsd", "strict", "a", status=0)
        self.assertEqual([line.split() for line in out.splitlines()],
                         [["freebsd", "bsd/x.pkt"], ["linux", "bsd/linux/x.pkt"], ["rfc", "strict/x.pkt"],
                          ["rfc", "strict/bsd/y.pkt"], ["linux", "a/fail.pkt"], ["linux", "a/pass.pkt"]])
        out, _ = self.drill("--list", "--profile", "freebsd", "a", status=0)
        self.assertEqual(out.split()[::2], ["freebsd"] * 2)

    def test_what_a_pipe_gets_has_no_escapes(self):
        out, err = self.drill("-v", "a", status=1)
        self.assertNotIn("\x1b", out + err)

    def test_amounts_of_output(self):
        self.assertEqual(self.drill("-q", "a", status=1)[0], "")
        self.assertEqual(self.drill("-vqj1", "a", status=1)[0], "")
        out, _ = self.drill("--only-failed", "a", status=1)
        self.assertNotIn("a/pass.pkt", out)
        self.assertIn("a/fail.pkt", out)
        out, _ = self.drill("--summary", "a", status=1)
        self.assertNotIn("fail.pkt", out)
        self.assertRegex(out, r"(?m)^a +1 +1 +0 +0 +50.0 %$")

    def test_verbose_shows_the_wire(self):
        out, _ = self.drill("-v", "a/pass.pkt", status=0)
        for word in ("listen(3, 1) = 0", "S 0:0(0)", "S. 0:0(0) ack 1", "SYN_RCVD"):
            self.assertIn(word, out)

    def test_json_lines(self):
        out, _ = self.drill("--json", "-v", "a", "b", status=2)
        *runs, last = map(json.loads, out.splitlines())
        verdicts = {run["script"]: run["verdict"] for run in runs}
        self.assertEqual(verdicts, {"a/fail.pkt": "fail", "a/pass.pkt": "pass", "b/cwd.pkt": "pass", "b/killed.pkt": "broken",
                                    "b/malformed.pkt": "malformed", "b/n-a.pkt": "not_applicable", "b/six.pkt": "pass"})
        self.assertEqual(runs[0]["line"], 6)
        self.assertEqual([line["kind"] for line in runs[1]["wire"]], ["call"] * 3 + ["<", ">"])
        total = last["summary"]["total"]
        self.assertEqual([total[0][word] for word in ("pass", "fail", "broken", "malformed", "not_applicable")], [3, 1, 1, 1, 1])
        self.assertEqual(len(last["summary"]["directories"]), 2)

    def test_the_same_verdicts_with_any_number_of_processes(self):
        def runs(*args):
            return self.drill("--json", "--repeat", "4", *args, "a", "bsd", "b", status=2)[0].splitlines()[:-1]
        self.assertEqual(runs("-j1"), runs("-j8"))

    def test_tap(self):
        out, _ = self.drill("--tap", "a", "b/n-a.pkt", status=1)
        lines = out.splitlines()
        self.assertEqual(lines[0], "TAP version 13")
        self.assertEqual(lines[-1], "1..3")
        self.assertIn("not ok 1 - a/fail.pkt", lines)
        self.assertIn("ok 2 - a/pass.pkt", lines)
        self.assertTrue(any(line.startswith("ok 3 - b/n-a.pkt # SKIP ") for line in lines), out)

    def test_junit(self):
        path = Path(self.folder.name, "out.xml")
        self.drill("-q", "--junit", str(path), "a", "b", status=2)
        suite = xml.parse(path).getroot().find("testsuite")
        counts = [int(suite.get(word)) for word in ("tests", "failures", "errors", "skipped")]
        self.assertEqual(counts, [7, 1, 2, 1])
        self.assertEqual(len(suite.findall("testcase")), 7)
        self.assertIn("ack", suite.find("testcase/failure").text)

    def test_pcap(self):
        folder = Path(self.folder.name, "packets")
        self.drill("-q", "--pcap", str(folder), "a/pass.pkt", status=0)
        [path] = folder.iterdir()
        self.assertEqual(path.name, "a-pass.pkt.pcapng")
        self.assertEqual(path.read_bytes()[:4], b"\x0a\x0d\x0d\x0a")

    def test_a_script_without_end_is_broken(self):
        out, _ = self.drill("--timeout", "1", "-", stdin="0 `sleep 3`\n" + PASS, status=1)
        self.assertIn("--timeout", out)


if __name__ == "__main__":
    COMMAND = os.path.abspath(sys.argv.pop(1))
    unittest.main()
