"""Redis as Debian has it, unmodified, as a server."""

import os
import random
import shlex

from network import ShardsTest, TapTest, UserNetworkTest, server
from support import HELLO, unittest


class RedisServer:
    def start_redis(self, **how):
        redis = self.start(server("redis"), "--save", "", "--protected-mode", "no", ports=[6379], options=["--memory", "256M"], **how)
        redis.wait_for("Ready to accept connections")
        return redis

    def ask(self, *words, until=b"\r\n"):
        words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        request = b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)
        return self.exchange(6379, request, until=until)

    def store_and_load(self, size):
        value = random.Random(1).randbytes(size)
        self.assertEqual(self.ask("set", "large", value), b"+OK\r\n")
        self.assertEqual(self.ask("get", "large", until=value[-100:] + b"\r\n"), b"$%d\r\n%s\r\n" % (len(value), value))


class RedisTest(RedisServer):
    def test_values(self):
        redis = self.start_redis()
        self.store_and_load(3 << 20)
        self.assertEqual(self.ask("get", "nothing"), b"$-1\r\n")
        self.assertEqual([self.ask("incr", "count") for _ in range(3)], [b":1\r\n", b":2\r\n", b":3\r\n"])
        self.assertEqual(self.ask("eval", "return redis.call('get', 'count') .. 'x'", 0, until=b"3x\r\n"), b"$2\r\n3x\r\n")
        self.assertEqual(self.ask("dbsize"), b":2\r\n")
        # It ends by itself, and has no more to say than that it ends.
        with self.assertRaisesRegex(AssertionError, "closed by the server after b''"):
            self.ask("shutdown", "nosave")
        self.assertEqual(redis.wait(), 0, redis.text)

    def test_benchmark(self):
        self.start_redis()
        address, port = self.at[6379]
        words = ["-h", address, "-p", port, "-t", "get,set", "-P", 16, "-c", self.clients, "-n", 20000, "-r", 1000, "-q"]
        result = self.check(self.execute(server("redis", "redis-benchmark"), *words), errors=b"")
        for test in ("SET", "GET"):
            self.assertRegex(result.text, rf"{test}: \d+(\.\d+)? requests per second")
        self.assertRegex(self.ask("dbsize"), rb":[1-9]\d*\r\n")


class RedisTap(RedisTest, TapTest):
    pass


class RedisShards(RedisTest, ShardsTest):
    pass


class RedisUser(RedisTest, UserNetworkTest):
    pass


class RedisPci(RedisServer, TapTest):
    """On a machine with PCI, by the device as virtio 1 describes it alone, and by one that drivers of before may use as well."""

    def command(self, program, *arguments, ports=(), options=()):
        words = super().command(program, *arguments, ports=ports, options=[*options, "--machine", "q35"])
        words.insert(2, "--dry-run")
        qemu = shlex.split(self.check(self.execute(*words)).text)
        qemu[qemu.index("virtio-net-pci,netdev=net")] = f"{self.device},netdev=net"
        return qemu

    def store_and_load_by(self, device):
        self.device = device
        self.start_redis()
        self.store_and_load(3 << 20)
        self.assertEqual(self.ask("ping"), b"+PONG\r\n")

    def test_modern(self):
        self.store_and_load_by("virtio-net-pci,disable-legacy=on,disable-modern=off")

    def test_transitional(self):
        self.store_and_load_by("virtio-net-pci,disable-legacy=off,disable-modern=off")


class RedisKvm(RedisServer, TapTest):
    """A few requests only: where ring 0 is interpreted each packet takes its time."""

    runs_on = ("--vmm", "qemu", "--accel", "kvm")

    def setUp(self):
        super().setUp()
        if not os.access("/dev/kvm", os.R_OK | os.W_OK):
            raise unittest.SkipTest("there is no usable /dev/kvm")
        if self.eremite("run", *self.runs_on, "--timeout", 10, HELLO).status != 0:
            raise unittest.SkipTest("KVM cannot be used here")

    def test_values(self):
        self.start_redis()
        self.store_and_load(100_000)
        self.assertEqual([self.ask("incr", "count") for _ in range(3)], [b":1\r\n", b":2\r\n", b":3\r\n"])
