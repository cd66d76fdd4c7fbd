"""Floods, vanished links and peers, restarts, and more connections than a small machine likes: it keeps its bounds, and goes on serving."""

import random
import re
import resource
import socket
import struct
import subprocess
import sys
import threading

from network import TapTest
from support import clean_environment, program
from test_impaired_link import PORT, LinkTest

# A peer that takes one connection, and says nothing.
ACCEPT_ONE = """
import socket, sys
with socket.create_server((sys.argv[1], int(sys.argv[2]))) as listener:
    print("ready", flush=True)
    connection = listener.accept()
    while connection[0].recv(100):
        pass
"""


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def syn(source, destination, port, numbers):
    """An IPv4 packet that asks for a connection, from an address where nobody is."""
    header = struct.pack("!HHIIBBHHH", numbers.randrange(1024, 65536), port, numbers.randrange(1 << 32), 0, 5 << 4, 2, 65535, 0, 0)
    pseudo = source + destination + struct.pack("!BBH", 0, socket.IPPROTO_TCP, len(header))
    header = header[:16] + struct.pack("!H", checksum(pseudo + header)) + header[18:]
    return struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(header), 0, 0, 64, socket.IPPROTO_TCP, 0, source, destination) + header


class Flood(TapTest):
    def setUp(self):
        super().setUp()
        self.start(program("echo_server"), PORT, ports=[PORT], options=["--memory", "64M"]).wait_for("^ready")

    def test_requests_from_nowhere(self):
        numbers = random.Random(1)
        destination = socket.inet_aton(self.machine)
        done = threading.Event()

        def flood():
            with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
                for _ in range(50_000):
                    source = bytes([10, 0, 5, numbers.randrange(10, 250)])
                    raw.sendto(syn(source, destination, PORT, numbers), (self.machine, 0))
            done.set()

        flooder = threading.Thread(target=flood)
        flooder.start()
        served = 0
        while not done.is_set() or served == 0:
            self.assertEqual(self.exchange(PORT, b"x" * 100 + b"\n", until=b"\n"), b"x" * 100 + b"\n")
            served += 1
        flooder.join()
        print(f"{served} connections served meanwhile ... ", end="")
        self.assertEqual(self.exchange(PORT, b"and after\n", until=b"\n"), b"and after\n")

    def test_ten_thousand_connections_in_64_mib(self):
        count = 10_000
        resource.setrlimit(resource.RLIMIT_NOFILE, (count + 1000, max(count + 1000, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
        connections = []
        try:
            for _ in range(count):
                connections.append(socket.create_connection(self.at[PORT], timeout=30))
            # All of them still live.
            for number, connection in enumerate(connections):
                connection.sendall(number.to_bytes(4, "big"))
            for number, connection in enumerate(connections):
                self.assertEqual(connection.recv(4), number.to_bytes(4, "big"))
        finally:
            for connection in connections:
                connection.close()
        self.assertEqual(self.exchange(PORT, b"and after\n", until=b"\n"), b"and after\n")


class LostLink(LinkTest):
    def test_streams_go_on_when_it_is_back(self):
        self.start(program("exchange"), "serve", PORT).wait_for("^ready")
        result = []
        transfer = threading.Thread(target=lambda: result.append(self.in_client(program("exchange"), "with", self.machine, PORT, 512 << 20)))
        for _ in range(3):
            link = self.start_link()
            if not transfer.ident:
                transfer.start()
            transfer.join(0.5)
            self.end_link(link)
            transfer.join(1)
        link = self.start_link()
        transfer.join(60)
        self.end_link(link)
        self.assertIn("received in", result[0])


class VanishedPeer(LinkTest):
    """Who is no longer heard of is given up in the time that was asked for (tcp(7))."""

    def hear(self, way):
        link = self.start_link()
        with subprocess.Popen([*self.client_words(), sys.executable, "-c", ACCEPT_ONE, self.host, str(PORT)], stdout=subprocess.PIPE) as peer:
            try:
                self.assertEqual(peer.stdout.readline(), b"ready\n")
                with subprocess.Popen([str(word) for word in self.command(program("vanished_peer"), self.host, PORT, way)], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, cwd=self.folder, env=clean_environment()) as machine:
                    try:
                        self.assertEqual(machine.stdout.readline(), b"connected\n")
                        self.end_link(link)
                        link = None
                        output, _ = machine.communicate(b"\n", timeout=60)
                    finally:
                        machine.kill()
                self.assertEqual(machine.returncode, 0)
            finally:
                peer.kill()
                if link:
                    self.end_link(link)
        return output.decode()

    def check_time(self, text, least, most):
        found = re.fullmatch(r"Connection timed out after ([0-9.]+) s\nthen Broken pipe\n", text)
        self.assertTrue(found, text)
        self.assertTrue(least <= float(found[1]) <= most, text)

    def test_keep_alive(self):
        self.check_time(self.hear("keep-alive"), 1.5, 8)

    def test_data_that_nobody_acknowledges(self):
        self.check_time(self.hear("timeout"), 1.5, 8)


class Restarted(TapTest):
    def test_connections_of_the_machine_before(self):
        """Who goes on with a connection that the machine knows nothing of, since it was restarted, is told so."""
        first = self.start(program("echo_server"), PORT, ports=[PORT])
        first.wait_for("^ready")
        with socket.create_connection(self.at[PORT], timeout=30) as connection:
            connection.sendall(b"before\n")
            self.assertEqual(connection.recv(100), b"before\n")
            first.kill()
            self.start(program("echo_server"), PORT, ports=[PORT]).wait_for("^ready")
            connection.sendall(b"after\n")
            with self.assertRaises(ConnectionResetError):
                connection.recv(100)
        self.assertEqual(self.exchange(PORT, b"anew\n", until=b"\n"), b"anew\n")
