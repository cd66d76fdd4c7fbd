"""--net, --publish and --pcap: what they refuse, what they make of the machine, and what the host refuses."""

import os
import re
import shlex
import shutil
import socket
import struct
import subprocess
import time

from network import TapTest, UserNetworkTest
from support import HELLO, MONITOR, ON_CELL, CommandTest, program, qemu_only

USAGE, FAILED = 2, 125


class NetworkOptions(CommandTest):
    def refuse(self, *words, errors, status=USAGE):
        result = self.check(self.eremite("run", *words, HELLO), status, output=b"", errors=errors)
        self.assertLess(len(result.error_text), 500, f"not to be read{result}")

    def test_net(self):
        for value in ("", "foo", "tap", "tap:", "tap:longer-than-a-name", "User"):
            with self.subTest(value):
                self.refuse(f"--net={value}" if value else "--net=,", errors=["--net", "user or tap:NAME"])
        for value in ("ip=10.0.2.20", "ip=10.0.2.20/33", "ip=10.0.2/24", "ip=x/24", "ip=fd00::1/129", "ip="):
            with self.subTest(value):
                self.refuse("--net", f"user,{value}", errors="write ip=ADDRESS/LENGTH")
        self.refuse("--net", "user,ip=192.168.1.2/24", errors="10.0.2.0/24")
        for value in ("gateway=x", "dns=10.0.2", "gateway="):
            with self.subTest(value):
                self.refuse("--net", f"tap:tap0,{value}", errors=[value, "not an address"])
        self.refuse("--net", "user,mtu=many", errors=["mtu=many", "bytes"])
        for value in ("colour=blue", "ip", ","):
            with self.subTest(value):
                self.refuse("--net", f"user,{value}", errors="what may follow is ip=")

    def test_forwarded_ports(self):
        for value in ("tcp::80", "tcp:80-:80", "sctp::80-:80", "tcp:host:80-:80", "tcp::0-:80", "tcp::80-10.0.2.15:80", "tcp::80-:65536"):
            with self.subTest(value):
                self.refuse("--net", f"user,hostfwd={value}", errors=["hostfwd=tcp:", "--publish"])
        self.refuse("--net", "tap:tap0,hostfwd=tcp::80-:80", errors="behind user")

    def test_publish(self):
        for value in ("80", "80:", ":80", "0:80", "80:0", "80:65536", "localhost:80:80", "::1:80:80", "10.0.0.1:80", "80:80/tcp", "x:80"):
            with self.subTest(value):
                self.refuse("--publish", value, errors=["--publish", "PORT:PORT", "/udp"])
        self.refuse("--net", "tap:tap0", "--publish", "80:80", errors="--publish is for --net user")

    def test_pcap_where_nothing_can_be_written(self):
        self.refuse(*MONITOR, "--pcap", "/does/not/exist", errors=["--pcap /does/not/exist"], status=FAILED)

    def test_pcap_on_a_full_disk(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("there is no /dev/full")
        # What cannot be written is no reason to stop the program.
        self.check(self.eremite("run", *MONITOR, "--pcap", "/dev/full", HELLO))

    def test_tap_device_that_is_not_there(self):
        self.refuse("--net", "tap:eremite-nosuch", errors=["there is no device eremite-nosuch", "sudo ip tuntap add dev eremite-nosuch mode tap"], status=FAILED)

    def test_port_in_use(self):
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            self.refuse(*MONITOR, "--publish", f"127.0.0.1:{port}:80", status=FAILED,
                        errors=[f"port 127.0.0.1:{port} of the host", "Address already in use", "choose another one"])

    def test_address_of_another_host(self):
        self.refuse(*MONITOR, "--publish", "192.0.2.1:8080:80", errors=["192.0.2.1:8080", "this host has no such address"], status=FAILED)

    def printed(self, *options):
        return shlex.split(self.check(self.eremite("run", *MONITOR, "--dry-run", *options, HELLO), errors=b"").text)

    @qemu_only
    def test_command_for_user(self):
        words = self.printed("--net", "user,hostfwd=udp:127.0.0.1:5353-:53", "--publish", "8080:80", "--pcap", "a,b")
        self.assertIn("user,id=net,hostfwd=udp:127.0.0.1:5353-10.0.2.15:53,hostfwd=tcp::8080-10.0.2.15:80", words)
        self.assertIn(f"file,id=capture,path={self.folder}/a,,b", words)
        self.assertIn(" pcap=console ", words[words.index("-append") + 1])
        self.assertIn(" ip=10.0.2.15/24 gateway=10.0.2.2 dns=10.0.2.3 pcap=console --", words[words.index("-append") + 1])
        self.assertEqual([word for word in self.printed("--publish", "8080:80") if word.startswith("user,")], ["user,id=net,hostfwd=tcp::8080-10.0.2.15:80"])

    @qemu_only
    def test_command_for_tap(self):
        words = self.printed("--machine", "q35", "--net", "tap:tap7,ip=10.1.0.2/16,ip=fd00::2/64,gateway=10.1.0.1,dns=10.1.0.1,dns=fd00::1,mtu=1400")
        self.assertIn("tap,id=net,ifname=tap7,script=no,downscript=no", words)
        self.assertIn("virtio-net-pci,netdev=net", words)
        self.assertIn(" ip=10.1.0.2/16 ip=fd00::2/64 gateway=10.1.0.1 dns=10.1.0.1,fd00::1 mtu=1400 --", words[words.index("-append") + 1])
        # Without an address the machine asks for one.
        words = self.printed("--net", "tap:tap7")
        self.assertNotIn(" ip=", words[words.index("-append") + 1])

    @qemu_only
    def test_no_network_unless_asked_for(self):
        self.assertNotIn("-netdev", self.printed())


class CaptureTest:
    """--pcap: packets in a file that Wireshark and tcpdump read (pcapng)."""

    def packets(self, path):
        """Interface, direction (1: in, 2: out) and bytes of each packet; the structure of the file is checked on the way."""
        data, at, names, found = path.read_bytes(), 0, [], []
        self.assertEqual(struct.unpack_from("<I4xIHH", data), (0x0a0d0d0a, 0x1a2b3c4d, 1, 0), "the header of pcapng")
        while at < len(data):
            kind, size = struct.unpack_from("<II", data, at)
            self.assertEqual((size, size % 4), (struct.unpack_from("<I", data, at + size - 4)[0], 0), "a block's length at both ends")
            if kind == 1:
                self.assertEqual(struct.unpack_from("<H", data, at + 8)[0], 1, "Ethernet")
                names.append(self.options(data[at + 16:at + size - 4])[2].decode())
            elif kind == 6:
                interface, high, low, captured, length = struct.unpack_from("<IIIII", data, at + 8)
                self.assertEqual(captured, length)
                self.assertLess(abs((high << 32 | low) / 1e9 - time.time()), 600, "nanoseconds of today")
                options = self.options(data[at + 28 + (captured + 3) // 4 * 4:at + size - 4])
                found.append((names[interface], struct.unpack("<I", options[2])[0], data[at + 28:at + 28 + captured]))
            at += size
        self.read_by_tcpdump(path, len(found))
        return found

    def options(self, data):
        found, at = {}, 0
        while True:
            code, size = struct.unpack_from("<HH", data, at)
            if code == 0:
                return found
            found[code] = data[at + 4:at + 4 + size]
            at += 4 + (size + 3) // 4 * 4

    def streams(self, frames):
        """What the segments of each connection say that begins there, put together by their sequence numbers."""
        first, data = {}, {}
        for frame in frames:
            ports, number = struct.unpack_from("!II", frame, 34)
            if frame[47] & 2:
                first[ports], data[ports] = number + 1, bytearray()
            elif ports in first:
                payload = frame[34 + (frame[46] >> 4) * 4:14 + struct.unpack_from("!H", frame, 16)[0]]
                at = (number - first[ports]) % 2**32
                data[ports][at:at + len(payload)] = payload
        return [bytes(stream) for stream in data.values()]

    def read_by_tcpdump(self, path, count):
        tool = shutil.which("tcpdump", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
        if tool is None:
            return
        with open(path, "rb") as capture:
            done = subprocess.run([tool, "-nvv", "-#", "-r", "-"], stdin=capture, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(re.findall(r"^ *\d+  ", done.stdout, re.MULTILINE)), count, done.stdout)
        self.assertNotRegex(done.stdout, "incorrect|bad .*sum|truncated")

    def test_exchange_on_both_machines(self):
        for machine in ("microvm",) if ON_CELL else ("microvm", "q35"):
            with self.subTest(machine):
                file = self.folder / f"a capture, ü {machine}.pcapng"
                server = self.start(program("echo_server"), 7, ports=[7], options=["--machine", machine, "--pcap", file])
                server.wait_for("ready")
                text = b"what is captured " * 1000
                self.assertEqual(self.exchange(7, text, until=text), text)
                # What was sent before is in the file, however the machine ends.
                self.assertEqual(self.exchange(7, b"end", until=b"end"), b"end")
                server.stop()
                packets = self.packets(file)
                self.assertEqual({name for name, _, _ in packets}, {"eth0"})
                for direction, host_field, own_port in ((1, 30, 36), (2, 26, 34)):
                    frames = [frame for _, way, frame in packets if way == direction and frame[12:14] == b"\x08\x00" and frame[23] == 6]
                    self.assertTrue(all(frame[host_field:host_field + 4] == socket.inet_aton(self.machine) for frame in frames))
                    self.assertTrue(all(struct.unpack_from("!H", frame, own_port)[0] == 7 for frame in frames))
                    self.assertEqual(self.streams(frames)[0], text, f"direction {direction}")
                self.assertTrue(any(frame[12:14] == b"\x08\x06" for _, _, frame in packets), "ARP")


class CaptureTap(CaptureTest, TapTest):
    pass


class CaptureUser(CaptureTest, UserNetworkTest):
    machine = "10.0.2.15"


class TapDevices(TapTest):
    def test_in_use(self):
        first = self.start(program("wait_forever"))
        first.wait_for("waiting|ready|forever")
        self.check(self.execute(*self.command(HELLO)), FAILED, output=b"", errors="another machine or program uses tap0")

    def test_another_kind_of_device(self):
        self.check(self.eremite("run", *MONITOR, "--net", "tap:lo", HELLO), FAILED, output=b"", errors="lo is no TAP device")
