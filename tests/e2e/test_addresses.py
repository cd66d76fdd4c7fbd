"""Where addresses and names come from: a DHCP server, which renews the lease, and what was chosen when the kernel was compiled."""

import contextlib
import pathlib
import socket
import struct
import threading

from network import Running, TapTest
from support import need_tool, program, unittest

PORT = 5000


class NameServer:
    """Knows one host, of which it has an IPv4 address (RFC 1035), and no other."""

    def __init__(self, at, name, address):
        self._name, self._address = name, socket.inet_aton(address)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((at, 53))
        self.asked = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def stop(self):
        with contextlib.suppress(OSError):  # it is not connected, but is woken all the same
            self._socket.shutdown(socket.SHUT_RD)
        self._thread.join()
        self._socket.close()

    def _serve(self):
        address_kind, no_such_name = 1, 3
        with contextlib.suppress(OSError):
            while True:
                request, client = self._socket.recvfrom(512)
                if not request:
                    return
                labels, at = [], 12
                while request[at]:
                    labels.append(request[at + 1:at + 1 + request[at]].decode())
                    at += 1 + request[at]
                name, (kind,) = ".".join(labels), struct.unpack_from("!H", request, at + 1)
                self.asked.append(name)
                known = name == self._name
                answers = known and kind == address_kind
                header = request[:2] + struct.pack("!HHHHH", 0x8580 | (0 if known else no_such_name), 1, int(answers), 0, 0)
                answer = struct.pack("!HHHIH", 0xC00C, kind, 1, 60, 4) + self._address if answers else b""
                self._socket.sendto(header + request[12:at + 5] + answer, client)


class AddressTest(TapTest):
    def ask(self, question):
        return self.exchange(PORT, f"{question}\n".encode(), until=b"\n\n").decode()[:-1]


class Dhcp(AddressTest):
    machine = "10.0.5.20"
    lease = 4  # seconds, of which the machine lets half pass before it asks again

    def network(self, ports):
        self.at = {port: (self.machine, port) for port in ports}
        return ["--net", "tap:tap0"]

    def setUp(self):
        super().setUp()
        busybox = need_tool("busybox")
        (self.folder / "leases").touch()
        configuration = self.write("udhcpd.conf", f"""
start {self.machine}
end {self.machine}
interface tap0
lease_file {self.folder}/leases
pidfile {self.folder}/pid
min_lease 2
opt subnet 255.255.255.0
opt router {self.host}
opt dns {self.host}
opt domain eremite.test
opt hostname hermitage
opt lease {self.lease}
""")
        # It looks for somebody who has the address already, briefly.
        self.server = Running(self, [busybox, "udhcpd", "-f", "-a", "50", configuration])
        self.addCleanup(self.server.stop)
        self.server.wait_for("started")
        names = NameServer(self.host, "server.eremite.test", "10.0.5.77")
        self.addCleanup(names.stop)
        self.names = names
        self.start(program("names"), PORT, ports=[PORT]).wait_for("^ready")

    def test_what_the_lease_says(self):
        self.assertEqual(self.ask("addresses"), f"eth0 {self.machine} 255.255.255.0\n")
        self.assertEqual(self.ask("router"), f"eth0 {self.host}\n")
        self.assertEqual(self.ask("servers"), f"search eremite.test\nnameserver {self.host}\n")
        self.assertEqual(self.ask("name"), "hermitage\n")

    def test_names(self):
        self.assertEqual(self.ask("resolve server.eremite.test"), "10.0.5.77\n")
        # The domain of the lease is tried behind a name without one.
        self.assertEqual(self.ask("resolve server"), "10.0.5.77\n")
        self.assertIn("server.eremite.test", self.names.asked)
        self.assertEqual(self.ask("resolve nobody.eremite.test"), "Name or service not known\n")
        # These are in /etc/hosts.
        asked = len(self.names.asked)
        self.assertIn("127.0.0.1\n", self.ask("resolve localhost"))
        self.assertEqual(self.ask("resolve hermitage"), "127.0.1.1\n")
        self.assertEqual(len(self.names.asked), asked)

    def test_renewal(self):
        # With the fourth grant the lease would be over had it not been renewed: each is half a lease after the one before it at the earliest.
        granted = rf"sending ACK to {self.machine}"
        self.server.wait_for(rf"(?s:.*{granted}){{4}}", self.lease * 10)
        self.assertEqual(self.ask("addresses"), f"eth0 {self.machine} 255.255.255.0\n")
        self.assertEqual(self.server.text.count("sending OFFER"), 1, "it was lost in between")


class CompiledIn(AddressTest):
    """EREMITE_IP, EREMITE_MASK and EREMITE_GATEWAY."""

    machine = "10.0.5.3"

    def network(self, ports):
        self.at = {port: (self.machine, port) for port in ports}
        return ["--net", "tap:tap0"]

    def setUp(self):
        super().setUp()
        if not pathlib.Path(program("names_addressed")).exists():
            raise unittest.SkipTest("names_addressed was not built")

    def test_addresses(self):
        self.start(program("names_addressed"), PORT, ports=[PORT]).wait_for("^ready")
        self.assertEqual(self.ask("addresses"), f"eth0 {self.machine} 255.255.240.0\n")
        self.assertEqual(self.ask("router"), f"eth0 {self.host}\n")

    def test_arguments_come_first(self):
        self.at = {PORT: ("10.0.5.9", PORT)}
        command = self.command(program("names_addressed"), PORT)
        command[command.index("tap:tap0")] = "tap:tap0,ip=10.0.5.9/24"
        running = Running(self, command)
        self.addCleanup(running.stop)
        running.wait_for("^ready")
        self.at = {PORT: ("10.0.5.9", PORT)}
        self.assertEqual(self.ask("addresses"), "eth0 10.0.5.9 255.255.255.0\n")
