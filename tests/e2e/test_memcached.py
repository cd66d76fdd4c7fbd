"""memcached as Debian has it, unmodified, with its four threads."""

import random
import threading

from network import TapTest, UserNetworkTest, server

PORT = 11211


class MemcachedTest:
    def start_memcached(self):
        self.write("files/etc/passwd", "root:x:0:0:root:/:/bin/sh\n")
        memcached = self.start(server("memcached"), "-u", "root", "-vv", "-t", "4", "-m", "64", ports=[PORT], 
                               options=["--files", self.folder / "files", "--cpus", "2", "--memory", "256M"])
        memcached.wait_for("server listening")

    def test_values(self):
        self.start_memcached()
        value = random.Random(2).randbytes(900_000)
        self.assertEqual(self.exchange(PORT, b"set large 7 0 %d\r\n%s\r\n" % (len(value), value), until=b"\r\n"), b"STORED\r\n")
        self.assertEqual(self.exchange(PORT, b"get large\r\n", until=b"END\r\n"), b"VALUE large 7 %d\r\n%s\r\nEND\r\n" % (len(value), value))
        self.assertEqual(self.exchange(PORT, b"get nothing\r\n", until=b"END\r\n"), b"END\r\n")
        self.assertEqual(self.exchange(PORT, b"set n 0 0 2\r\n41\r\nincr n 1\r\n", until=b"42\r\n"), b"STORED\r\n42\r\n")

    def test_many_clients(self):
        self.start_memcached()
        self.assertEqual(self.exchange(PORT, b"set sum 0 0 1\r\n0\r\n", until=b"\r\n"), b"STORED\r\n")
        failures = []

        def count():
            try:
                for _ in range(20):
                    self.exchange(PORT, b"incr sum 1 noreply\r\n" * 9 + b"incr sum 1\r\n", until=b"\r\n")
            except (OSError, AssertionError) as error:
                failures.append(error)

        clients = [threading.Thread(target=count) for _ in range(min(8, self.clients))]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        self.assertEqual(failures, [])
        self.assertIn(b"\r\n%d\r\n" % (len(clients) * 200), self.exchange(PORT, b"get sum\r\n", until=b"END\r\n"))


class MemcachedTap(MemcachedTest, TapTest):
    pass


class MemcachedUser(MemcachedTest, UserNetworkTest):
    pass
