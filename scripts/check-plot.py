#!/usr/bin/env python3
"""lastack plot: its scenes, captures of every form, what it refuses, and pictures that any browser takes.
Usage: check-plot.py COMMAND"""
import json
import random
import struct
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as xml
from pathlib import Path

COMMAND = None
SVG = "{http://www.w3.org/2000/svg}"
# Scene: how many segments the road loses.
SCENES = {"clean": 0, "single-loss": 1, "tail-loss": 3, "burst": 9, "reordering": 0, "lost-retransmission": 2,
          "spurious-rto": 0}
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
MSS = 1000


def run(*arguments, status=0):
    done = subprocess.run([COMMAND, "plot", *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=120)
    if done.returncode != status:
        raise AssertionError(f"plot {arguments}: status {done.returncode}\n{done.stderr.decode(errors='replace')}")
    return done


def data(*arguments):
    return json.loads(run("--json", *arguments).stdout)


# --- Captures, written here ---


def packet(side, seq, ack, flags, length=0, sack=(), wscale=None, window=1000, v6=False, ports=(4000, 80)):
    """One IP packet: side 0 is the client."""
    options = b""
    if wscale is not None:
        options += struct.pack("!BBBB", 1, 3, 3, wscale)
    if sack:
        options += struct.pack("!BBBB", 1, 1, 5, 2 + 8 * len(sack))
        options += b"".join(struct.pack("!II", *(n % 2**32 for n in pair)) for pair in sack)
    source, target = (ports if side == 0 else ports[::-1])
    tcp = struct.pack("!HHIIBBHHH", source, target, seq % 2**32, ack % 2**32, (20 + len(options)) // 4 << 4, flags, window,
                      0, 0) + options + bytes(length)
    if v6:
        ends = [bytes([0xfd] + [0] * 14 + [n]) for n in (1, 2)]
        return struct.pack("!IHBB", 6 << 28, len(tcp), 6, 64) + ends[side] + ends[1 - side] + tcp
    ends = [bytes([10, 9, 0, n]) for n in (1, 2)]
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0) + ends[side] + ends[1 - side] + tcp


def connection(iss=1000, **common):
    """(time in ns, packet): ten segments sent at once, the third lost and sent again after three duplicate ACKs."""
    peer = 5000
    out = [(0, packet(0, iss, 0, SYN, wscale=2, **common)),
           (10, packet(1, peer, iss + 1, SYN | ACK, wscale=2, **common)),
           (10, packet(0, iss + 1, peer + 1, ACK, **common))]
    first = iss + 1
    for n in range(10):
        out.append((11, packet(0, first + n * MSS, peer + 1, ACK, MSS, **common)))
    for n in range(1, 3):
        out.append((20 + n, packet(1, peer + 1, first + n * MSS, ACK, **common)))
    for n in range(4, 11):
        out.append((20 + n, packet(1, peer + 1, first + 2 * MSS, ACK, sack=[(first + 3 * MSS, first + n * MSS)], **common)))
        if n == 6:
            out.append((20 + n, packet(0, first + 2 * MSS, peer + 1, ACK, MSS, **common)))
    out.append((40, packet(1, peer + 1, first + 10 * MSS, ACK, **common)))
    return [(ms * 1000000, bytes_) for ms, bytes_ in out]


def pcap(packets, order="<", nanoseconds=False, link=101, head=b"", snap=65535):
    magic = 0xa1b23c4d if nanoseconds else 0xa1b2c3d4
    out = bytearray(struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snap, link))
    for at, ip in packets:
        frame = head + ip
        part = at % 10**9 if nanoseconds else at % 10**9 // 1000
        out += struct.pack(order + "IIII", at // 10**9, part, min(len(frame), snap), len(frame)) + frame[:snap]
    return bytes(out)


def block(order, kind, body):
    total = 12 + len(body)
    return struct.pack(order + "II", kind, total) + body + struct.pack(order + "I", total)


def pcapng(packets, order="<", resolution=None):
    out = block(order, 0x0a0d0d0a, struct.pack(order + "IHHq", 0x1a2b3c4d, 1, 0, -1))
    options = b"" if resolution is None else struct.pack(order + "HHB3xHH", 9, 1, resolution, 0, 0)
    out += block(order, 1, struct.pack(order + "HHI", 101, 0, 0) + options)
    for at, ip in packets:
        ticks = at * 2**(resolution & 0x7f) // 10**9 if resolution and resolution & 0x80 else at // 1000
        out += block(order, 6, struct.pack(order + "IIIII", 0, ticks >> 32, ticks & 0xffffffff, len(ip), len(ip)) + ip +
                     bytes(-len(ip) % 4))
    return out


class Files(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def file(self, content, name="capture"):
        path = Path(self.folder.name) / name
        path.write_bytes(content)
        return path


class Scenes(Files):
    def test_the_list_names_every_scene(self):
        listed = [line.split()[0] for line in run("--scene", "list").stdout.decode().splitlines()]
        self.assertEqual(sorted(SCENES), sorted(listed))

    def test_each_scene_loses_what_it_says_and_ends_with_everything_acknowledged(self):
        for scene, lost in SCENES.items():
            with self.subTest(scene):
                segments = data("--scene", scene)["segments"]
                sent = [s for s in segments if s["direction"] == "sent"]
                self.assertEqual(lost, sum(s.get("fate") == "lost" for s in sent))
                self.assertEqual(max(s["to"] for s in sent), max(s.get("ack", 0) for s in segments))

    def test_a_scene_is_the_same_picture_every_time(self):
        for scene in SCENES:
            self.assertEqual(run("--scene", scene).stdout, run("--scene", scene).stdout)

    def test_losses_are_noted(self):
        texts = [note["text"] for note in data("--scene", "single-loss")["notes"]]
        self.assertEqual(["fast retransmit"], texts)
        self.assertEqual([], data("--scene", "clean")["notes"])

    def test_a_recorded_scene_reads_back_as_the_same_segments(self):
        path = Path(self.folder.name) / "scene.pcapng"
        for scene in SCENES:
            with self.subTest(scene):
                played, read = data("--scene", scene, "--pcap", path), data(path)
                for segment in played["segments"]:
                    segment.pop("fate", None)
                self.assertEqual(played["segments"], read["segments"])
                self.assertTrue(read["guessed"] and not played["guessed"])


class Captures(Files):
    def check(self, content, **more):
        plot = data(self.file(content))
        again = [s for s in plot["segments"] if s["kind"] == "again"]
        self.assertEqual([(2001, 3001)], [(s["from"], s["to"]) for s in again])
        self.assertAlmostEqual(0.026, again[0]["at"], places=6)
        self.assertEqual(10001, max(s.get("ack", 0) for s in plot["segments"]))
        self.assertEqual(6, sum(s["kind"] == "duplicate-ack" for s in plot["segments"]) - 1)
        self.assertEqual([3001, 4001], next(s["sack"] for s in plot["segments"] if "sack" in s)[0])
        self.assertEqual(["fast retransmit"], [note["text"] for note in plot["notes"]])
        return plot

    def test_pcap_in_both_byte_orders_and_resolutions(self):
        for order in "<>":
            for nanoseconds in (False, True):
                self.check(pcap(connection(), order, nanoseconds))

    def test_pcapng_in_both_byte_orders_and_with_other_clocks(self):
        for order in "<>":
            self.check(pcapng(connection(), order))
            self.check(pcapng(connection(), order, 6))
            self.check(pcapng(connection(), order, 0x80 | 30))

    def test_link_types(self):
        ethernet = bytes(12) + b"\x08\x00"
        self.check(pcap(connection(), link=1, head=ethernet))
        self.check(pcap(connection(), link=1, head=bytes(12) + b"\x81\x00\x00\x07\x08\x00"))
        self.check(pcap(connection(v6=True), link=1, head=bytes(12) + b"\x86\xdd"))
        self.check(pcap(connection(), link=113, head=bytes(14) + b"\x08\x00"))
        self.check(pcap(connection(), link=276, head=b"\x08\x00" + bytes(18)))
        self.check(pcap(connection(), link=0, head=b"\x02\x00\x00\x00"))

    def test_headers_are_enough(self):
        self.check(pcap(connection(), snap=80))

    def test_sequence_numbers_that_wrap(self):
        self.check(pcap(connection(iss=2**32 - 4000)))

    def test_a_capture_that_begins_in_the_middle(self):
        plot = data(self.file(pcap(connection()[5:])))
        self.assertEqual(1, sum(s["kind"] == "again" for s in plot["segments"]))
        self.assertFalse(any("edge" in s for s in plot["segments"]))

    def test_windows_are_scaled(self):
        plot = self.check(pcap(connection()))
        self.assertEqual(10001 + 4 * 1000, plot["segments"][-1]["edge"])

    def test_the_connection_with_the_most_data_is_drawn_unless_another_is_asked_for(self):
        small = [(5, packet(0, 7, 7, ACK, 10, ports=(4001, 81)))]
        path = self.file(pcap(small + connection()))
        self.assertEqual("10.9.0.1:4000", data(path)["sender"])
        self.assertEqual("10.9.0.1:4001", data(path, "--flow", 1)["sender"])
        self.assertEqual(3, len(run(path, "--list").stdout.splitlines()))
        run(path, "--flow", 3, status=2)

    def test_a_second_connection_between_the_same_ports_is_another(self):
        later = [(at + 10**9, ip) for at, ip in connection(iss=777000)]
        path = self.file(pcap(connection() + later))
        self.assertEqual(3, len(run(path, "--list").stdout.splitlines()))
        self.assertEqual(len(connection()), len(data(path, "--flow", 2)["segments"]))

    def test_a_part_of_the_time(self):
        times = [s["at"] for s in data(self.file(pcap(connection())), "--from", 0.02, "--to", 0.03)["segments"]]
        self.assertTrue(times and 0.02 <= min(times) and max(times) <= 0.03)

    def test_a_timeout_and_a_tail_loss_probe_are_told_apart(self):
        opening, first = connection()[:3], 1001
        flight = [(11000000, packet(0, first + n * MSS, 5001, ACK, MSS)) for n in range(3)]
        for last, text in ((2, "tail loss probe"), (0, "timeout")):
            late = [(400000000, packet(0, first + last * MSS, 5001, ACK, MSS))]
            notes = data(self.file(pcap(opening + flight + late)))["notes"]
            self.assertEqual([text], [note["text"] for note in notes])

    def test_a_dsack_is_noted(self):
        more = [(50000000, packet(1, 5001, 11001, ACK, sack=[(3001, 4001)]))]
        plot = data(self.file(pcap(connection() + more)))
        self.assertIn("D-SACK: this had arrived before", [note["text"] for note in plot["notes"]])


class Pictures(Files):
    def picture(self, *arguments):
        text = run(*arguments).stdout
        self.assertNotIn(b"<script", text)
        root = xml.fromstring(text)
        self.assertEqual(SVG + "svg", root.tag)
        return root, text

    def test_scenes_are_valid_and_small_and_every_segment_sent_has_a_title(self):
        for scene in SCENES:
            with self.subTest(scene):
                root, text = self.picture("--scene", scene)
                self.assertLess(len(text), 60000)
                self.assertIn(b"prefers-color-scheme:dark", text)
                bars = [path for path in root.iter(SVG + "path") if path.get("class", "").split()[:1] in (["n"], ["r"])
                        and path.find(SVG + "title") is not None]
                sent = [s for s in data("--scene", scene)["segments"] if s.get("to", 0) > s.get("from", 0)]
                self.assertEqual(len(sent), len(bars))

    def test_a_large_capture_gives_a_picture_of_bounded_size(self):
        many = [(n * 10000, packet(0, 1 + n * 100, 1, ACK, 100)) for n in range(40000)]
        _, text = self.picture(self.file(pcap(many, snap=60)))
        self.assertLess(len(text), 400000)

    def test_output_goes_to_a_file(self):
        path = Path(self.folder.name) / "out.svg"
        self.assertEqual(b"", run("--scene", "clean", "-o", path).stdout)
        xml.parse(path)
        run("--scene", "clean", "-o", "/nowhere/out.svg", status=2)


class Refusals(Files):
    def refused(self, word, *arguments):
        done = run(*arguments, status=2)
        self.assertEqual(b"", done.stdout)
        self.assertIn(word, done.stderr.decode())

    def test_wrong_usage(self):
        self.refused("--scene")
        self.refused("not both", "file", "--scene", "clean")
        self.refused("--scene list", "--scene", "nonsense")
        self.refused("seconds", "file", "--from", "x")
        self.refused("before", "file", "--from", "2", "--to", "1")
        self.refused("--list", "file", "--flow", "0")
        self.refused("one capture", "file", "other")

    def test_files_that_are_no_captures(self):
        self.refused("No such file", "/nowhere")
        self.refused("too short", self.file(b""))
        self.refused("neither pcap nor pcapng", self.file(b"hello, this is text"))
        self.refused("link type", self.file(pcap([], link=147)))
        self.refused("no TCP connection", self.file(pcap([])))
        self.refused("no TCP connection", self.file(pcap(connection()[:3])))

    def test_a_capture_that_breaks_off_gives_what_is_there(self):
        done = run("--json", self.file(pcap(connection())[:-7]))
        self.assertEqual(len(connection()) - 1, len(json.loads(done.stdout)["segments"]))
        self.assertIn("ends in the middle", done.stderr.decode())

    def test_damaged_captures_never_end_it_with_a_signal(self):
        chance = random.Random(7)
        for content in (pcap(connection()), pcapng(connection())):
            for _ in range(15):
                bytes_ = bytearray(content)
                for _ in range(chance.randrange(1, 20)):
                    bytes_[chance.randrange(24, len(bytes_))] = chance.randrange(256)
                done = subprocess.run([COMMAND, "plot", self.file(bytes(bytes_))], capture_output=True, timeout=60)
                self.assertIn(done.returncode, (0, 2), done.stderr)
                if done.returncode == 0:
                    xml.fromstring(done.stdout)


if len(sys.argv) < 2:
    sys.exit(__doc__)
COMMAND = str(Path(sys.argv.pop(1)).resolve())
unittest.main()
