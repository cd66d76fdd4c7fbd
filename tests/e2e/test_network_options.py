"""--net, --publish and --pcap: what they refuse, what they make of the machine, and what the host refuses."""

import shlex
import socket
import struct

from network import TapTest, UserNetworkTest
from support import HELLO, CommandTest, program

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

    def test_pcap_alone(self):
        self.refuse("--pcap", "packets", errors="--pcap needs --net")
        self.assertFalse((self.folder / "packets").exists())

    def test_pcap_where_nothing_can_be_written(self):
        self.refuse("--accel", "tcg", "--net", "user", "--pcap", "/does/not/exist", errors=["QEMU did not start", "--pcap /does/not/exist"], status=FAILED)

    def test_tap_device_that_is_not_there(self):
        self.refuse("--net", "tap:eremite-nosuch", errors=["there is no device eremite-nosuch", "sudo ip tuntap add dev eremite-nosuch mode tap"], status=FAILED)

    def test_port_in_use(self):
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            self.refuse("--accel", "tcg", "--publish", f"127.0.0.1:{port}:80", status=FAILED,
                        errors=[f"port 127.0.0.1:{port} of the host", "Address already in use", "choose another one"])

    def test_address_of_another_host(self):
        self.refuse("--accel", "tcg", "--publish", "192.0.2.1:8080:80", errors=["192.0.2.1:8080", "this host has no such address"], status=FAILED)

    def printed(self, *options):
        return shlex.split(self.check(self.eremite("run", "--accel", "tcg", "--dry-run", *options, HELLO), errors=b"").text)

    def test_command_for_user(self):
        words = self.printed("--net", "user,hostfwd=udp:127.0.0.1:5353-:53", "--publish", "8080:80", "--pcap", "a,b")
        self.assertIn("user,id=net,hostfwd=udp:127.0.0.1:5353-10.0.2.15:53,hostfwd=tcp::8080-10.0.2.15:80", words)
        self.assertIn(f"filter-dump,id=capture,netdev=net,file={self.folder}/a,,b", words)
        self.assertIn(" ip=10.0.2.15/24 gateway=10.0.2.2 dns=10.0.2.3 --", words[words.index("-append") + 1])
        self.assertEqual([word for word in self.printed("--publish", "8080:80") if word.startswith("user,")], ["user,id=net,hostfwd=tcp::8080-10.0.2.15:80"])

    def test_command_for_tap(self):
        words = self.printed("--machine", "q35", "--net", "tap:tap7,ip=10.1.0.2/16,ip=fd00::2/64,gateway=10.1.0.1,dns=10.1.0.1,dns=fd00::1,mtu=1400")
        self.assertIn("tap,id=net,ifname=tap7,script=no,downscript=no", words)
        self.assertIn("virtio-net-pci,netdev=net", words)
        self.assertIn(" ip=10.1.0.2/16 ip=fd00::2/64 gateway=10.1.0.1 dns=10.1.0.1,fd00::1 mtu=1400 --", words[words.index("-append") + 1])
        # Without an address the machine asks for one.
        words = self.printed("--net", "tap:tap7")
        self.assertNotIn(" ip=", words[words.index("-append") + 1])

    def test_no_network_unless_asked_for(self):
        self.assertNotIn("-netdev", self.printed())


class CaptureTest:
    """Frames in a file that Wireshark reads (the pcap format of libpcap)."""

    def frames(self, path):
        data = path.read_bytes()
        magic, _, _, _, _, _, link = struct.unpack_from("<IHHiIII", data)
        self.assertEqual((magic, link), (0xa1b2c3d4, 1), "Ethernet")
        at, found = 24, []
        while at < len(data):
            _, _, captured, length = struct.unpack_from("<IIII", data, at)
            self.assertEqual(captured, length)
            found.append(data[at + 16:at + 16 + captured])
            at += 16 + captured
        return found

    def test_capture(self):
        file = self.folder / "a capture, ü.pcap"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
            receiver.bind((self.listen_at, 0))
            receiver.settimeout(30)
            port = receiver.getsockname()[1]
            command = self.command(program("datagram"), self.host, port, "what is captured", options=["--pcap", file])
            self.check(self.execute(*command), output=b"", errors=b"")
            self.assertEqual(receiver.recv(100), b"what is captured")
        frames = self.frames(file)
        sent = [frame for frame in frames if frame.endswith(b"what is captured")]
        self.assertEqual(len(sent), 1)
        ethertype, version = struct.unpack_from("!HB", sent[0], 12)
        self.assertEqual((ethertype, version), (0x0800, 0x45))
        self.assertEqual(sent[0][26:30], socket.inet_aton(self.machine))
        self.assertEqual(struct.unpack_from("!H", sent[0], 36)[0], port)
        self.assertTrue(any(frame[12:14] == b"\x08\x06" for frame in frames), "ARP")


class CaptureTap(CaptureTest, TapTest):
    listen_at = TapTest.host


class CaptureUser(CaptureTest, UserNetworkTest):
    listen_at, machine = "127.0.0.1", "10.0.2.15"


class TapDevices(TapTest):
    def test_in_use(self):
        first = self.start(program("wait_forever"))
        first.wait_for("waiting|ready|forever")
        self.check(self.execute(*self.command(HELLO)), FAILED, output=b"", errors=["QEMU did not start", "another machine or program uses tap0"])

    def test_another_kind_of_device(self):
        self.check(self.eremite("run", "--accel", "tcg", "--net", "tap:lo", HELLO), FAILED, output=b"", errors=["QEMU did not start", "lo is no TAP device"])
