"""iperf3 as a server and as a client, and as a Linux process at the other end."""

import json

from network import ShardsTest, TapTest, UserNetworkTest, server

PORT = 5201


class Iperf3Test:
    amount = 4 << 20  # bytes by each connection

    def serve(self):
        self.iperf = self.start(server("iperf3"), "-s", "--forceflush", ports=[PORT])
        self.tests = 0

    def measure(self, *options):
        # It listens anew for each test.
        self.tests += 1
        self.iperf.wait_for(rf"Server listening on {PORT} \(test #{self.tests}\)")
        address, port = self.at[PORT]
        result = self.check(self.execute(server("iperf3"), "-c", address, "-p", port, "-J", *options, limit=30), errors=b"")
        found = json.loads(result.text)
        self.assertNotIn("error", found)
        return found["end"]

    def test_both_directions(self):
        self.serve()
        for connections in (1, 4):
            amount = self.amount * connections
            with self.subTest(connections=connections, sender="Linux"):
                end = self.measure("-n", amount, "-P", connections)
                self.assertEqual(len(end["streams"]), connections)
                self.assertGreaterEqual(end["sum_sent"]["bytes"], amount)
                # What was on its way when the sender had sent enough is not counted.
                self.assertGreater(end["sum_received"]["bytes"], 0)
            with self.subTest(connections=connections, sender="the machine"):
                end = self.measure("-n", amount, "-P", connections, "-R")
                self.assertEqual(len(end["streams"]), connections)
                self.assertGreaterEqual(end["sum_received"]["bytes"], amount // 2)


class Iperf3Tap(Iperf3Test, TapTest):
    def test_datagrams(self):
        self.serve()
        for direction in ([], ["-R"]):
            end = self.measure("-u", "-b", "8M", "-l", "1400", "-n", "1M", *direction)
            self.assertGreaterEqual(end["sum"]["packets"], (1 << 20) // 1400)
            self.assertLessEqual(end["sum"]["lost_packets"], end["sum"]["packets"] // 10)


class Iperf3Shards(Iperf3Test, ShardsTest):
    pass


class Iperf3User(Iperf3Test, UserNetworkTest):
    pass
