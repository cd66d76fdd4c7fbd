"""A machine and a Linux client with a bad link between them: whatever it does to packets, streams arrive whole, both ways."""

import os
import subprocess

from network import NetworkTest, enter_namespace, ip
from support import BUILD, need_tool, program, unittest

# EREMITE_LINK_BYTES=1073741824 makes each stream that long, however long it takes.
BYTES = int(os.environ.get("EREMITE_LINK_BYTES", 0))
MIB = 1 << 20
PORT = 5000


class LinkTest(NetworkTest):
    """The machine at a TAP device, the client in a namespace behind a virtual cable, and impaired_link between these two."""

    host, machine = "10.0.5.1", "10.0.5.2"
    mtu = 1500

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for tool in ("ip", "nsenter", "unshare"):
            need_tool(tool)
        if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
            raise unittest.SkipTest("/dev/net/tun cannot be used here")
        enter_namespace()
        cls.client = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo here; exec cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        cls.addClassCleanup(cls.end_client)
        cls.client.stdout.readline()
        ip("link", "add", "cable0", "type", "veth", "peer", "name", "cable1", "netns", str(cls.client.pid))
        ip("tuntap", "add", "dev", "tap0", "mode", "tap")
        for name in ("cable0", "tap0"):
            # Nothing but what the two ends say.
            with open(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6", "w") as setting:
                setting.write("1")
            ip("link", "set", name, "mtu", str(cls.mtu), "up")
        cls.in_client("ip", "addr", "add", f"{cls.host}/24", "dev", "cable1")
        cls.in_client("ip", "link", "set", "cable1", "mtu", str(cls.mtu), "up")

    @classmethod
    def end_client(cls):
        cls.client.stdin.close()
        cls.client.stdout.close()
        cls.client.wait(20)

    @classmethod
    def client_words(cls):
        return ["nsenter", "--target", str(cls.client.pid), "--net"]

    @classmethod
    def in_client(cls, *command, limit=60):
        command = [*cls.client_words(), *(str(word) for word in command)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit)
        if done.returncode != 0:
            raise AssertionError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
        return done.stdout

    def network(self, ports):
        return ["--net", f"tap:tap0,ip={self.machine}/24,mtu={self.mtu}"]

    def start_link(self, *faults):
        link = subprocess.Popen([str(BUILD / "tests/e2e/impaired_link"), "tap0", "cable0", *faults], stdout=subprocess.PIPE)
        self.assertEqual(link.stdout.readline(), b"ready\n")
        return link

    def end_link(self, link):
        link.terminate()
        link.wait(20)
        link.stdout.close()

    def exchange_over(self, *faults, bytes):
        link = self.start_link(*faults)
        try:
            print(*faults, self.in_client(program("exchange"), "with", self.machine, PORT, BYTES or bytes, limit=40 if BYTES == 0 else 3000), end="")
        finally:
            self.end_link(link)


class ImpairedLink(LinkTest):
    def test_faults_of_every_kind(self):
        faults = {
            "none": ((), 1024 * MIB),
            "one lost in a hundred": (("--loss", "1"), 64 * MIB),
            "one lost in ten": (("--loss", "10"), MIB // 2),
            "another order": (("--delay", "2", "--reorder", "25"), 8 * MIB),
            "times that vary": (("--delay", "10", "--jitter", "9"), 8 * MIB),
            "twice": (("--duplicate", "20"), 16 * MIB),
            "far away": (("--delay", "50"), 8 * MIB),
            "all of it": (("--delay", "5", "--jitter", "5", "--loss", "2", "--reorder", "10", "--duplicate", "5"), 2 * MIB),
        }
        self.start(program("exchange"), "serve", PORT).wait_for("^ready")
        for name, (options, size) in faults.items():
            with self.subTest(name):
                self.exchange_over(*options, bytes=size)


class SmallestPackets(LinkTest):
    mtu = 576

    def test_streams_in_packets_of_576_bytes(self):
        self.start(program("exchange"), "serve", PORT).wait_for("^ready")
        self.exchange_over(bytes=8 * MIB)
        self.exchange_over("--loss", "1", bytes=2 * MIB)
