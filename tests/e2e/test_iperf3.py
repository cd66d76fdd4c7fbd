"""iperf3 as a server and as a client, and as a Linux process at the other end."""

import json

from network import TapTest, UserNetworkTest, server

PORT = 5201


class Iperf3Test:
    amount = 4 << 20  # bytes by each connection

    def serve(self):
        iperf = self.start(server("iperf3"), "-s", "--forceflush", ports=[PORT])
        self.addCleanup(iperf.__exit__)
        iperf.wait_for("Server listening")

    def measure(self, *options):
        address, port = self.at[PORT]
        result = self.check(self.execute(server("iperf3"), "-c", address, "-p", port, "-J", *options, limit=30), errors=b"")
        return json.loads(result.text)["end"]

    def test_both_directions(self):
        self.serve()
        for direction in ([], ["-R"]):
            for connections in (1, 4):
                with self.subTest(direction=direction, connections=connections):
                    end = self.measure("-n", self.amount * connections, "-P", connections, *direction)
                    self.assertEqual(len(end["streams"]), connections)
                    # All that was sent arrives, but for what was on its way when the sender had sent enough.
                    self.assertGreaterEqual(end["sum_sent"]["bytes"], self.amount * connections)
                    self.assertGreaterEqual(end["sum_received"]["bytes"], self.amount * connections // 2)


class Iperf3Tap(Iperf3Test, TapTest):
    def test_datagrams(self):
        self.serve()
        for direction in ([], ["-R"]):
            end = self.measure("-u", "-b", "8M", "-l", "1400", "-n", "1M", *direction)
            self.assertGreaterEqual(end["sum"]["packets"], (1 << 20) // 1400)
            self.assertLessEqual(end["sum"]["lost_packets"], end["sum"]["packets"] // 10)


class Iperf3User(Iperf3Test, UserNetworkTest):
    pass
