"""Sockets between the host and the program (--vsock)."""

import os
import signal
import socket
import subprocess
import threading
import time
import unittest

from support import COMMAND, LIMIT, ON_CELL, CommandTest, MONITOR, clean_environment, program

MIB = 1 << 20


def receive_all(connection):
    """Everything up to the end of the stream."""
    received = bytearray()
    while piece := connection.recv(1 << 16):
        received += piece
    return bytes(received)


def echo(connection):
    while piece := connection.recv(1 << 16):
        connection.sendall(piece)


@unittest.skipUnless(ON_CELL, "QEMU needs a device of the host's kernel for them")
class Vsock(CommandTest):
    def setUp(self):
        super().setUp()
        self.path = self.folder / "vsock"

    def start(self, *arguments, options=()):
        return self.start_machine(*options, program("vsock"), "--", *arguments)

    def start_machine(self, *words):
        command = [COMMAND, "run", *MONITOR, "--timeout", str(LIMIT), "--vsock", str(self.path), *map(str, words)]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment())
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def finish(self, process, output):
        out, errors = process.communicate(timeout=LIMIT)
        self.assertEqual((process.returncode, out, errors), (0, output, b""))
        self.assertFalse(self.path.exists(), "the socket was left behind")

    def serve(self, count, **how):
        """A program that echoes so many connections to its port 1234."""
        process = self.start("serve", 1234, count, **how)
        self.assertEqual(process.stdout.readline(), b"listening\n")
        return process

    def connect(self, port):
        """A stream to a port of the program; None: nobody listens there."""
        connection = socket.socket(socket.AF_UNIX)
        self.addCleanup(connection.close)
        connection.settimeout(LIMIT)
        while True:
            try:
                connection.connect(str(self.path))
                break
            except ConnectionRefusedError:  # it is there, and nobody listens yet
                time.sleep(0.01)
        connection.sendall(b"CONNECT %d\n" % port)
        answer = b""
        while not answer.endswith(b"\n"):
            byte = connection.recv(1)
            if not byte:
                return None
            answer += byte
        self.assertRegex(answer, rb"^OK [0-9]+\n$")
        return connection

    def await_file(self, path):
        deadline = time.monotonic() + LIMIT
        while not path.exists():
            self.assertLess(time.monotonic(), deadline, f"there is no {path}")
            time.sleep(0.01)

    def listen(self, port):
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        listener.settimeout(LIMIT)
        listener.bind(f"{self.path}_{port}")
        listener.listen()
        return listener

    def exchange(self, connection, data):
        """Sends data, ends the output, and gives what comes back."""
        def send():
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
        sender = threading.Thread(target=send)
        sender.start()
        received = receive_all(connection)
        sender.join()
        return received

    def test_host_connects(self):
        process = self.serve(2)
        first = self.connect(1234)
        first.sendall(b"hello")
        self.assertEqual(first.recv(5, socket.MSG_WAITALL), b"hello")
        self.assertIsNone(self.connect(4321), "nobody listens there")
        data = os.urandom(8 * MIB)
        self.assertEqual(self.exchange(self.connect(1234), data), data)
        first.close()
        self.finish(process, b"served\n")

    def test_program_connects(self):
        listener = self.listen(77)
        process = self.start("send", 77, 8 * MIB)
        connection, _ = listener.accept()
        echo(connection)
        connection.close()
        self.finish(process, b"the same came back\n")

    def test_many_connections(self):
        count = 60
        process = self.serve(count, options=("--cpus", "2"))
        connections = [self.connect(1234) for _ in range(count)]
        for number, connection in enumerate(connections):
            connection.sendall(b"%d\n" % number)
        for number, connection in enumerate(connections):
            connection.shutdown(socket.SHUT_WR)
            self.assertEqual(receive_all(connection), b"%d\n" % number)
        self.finish(process, b"served\n")

    def test_host_vanishes(self):
        listener = self.listen(77)
        process = self.start("connect", 77)
        connection, _ = listener.accept()
        self.assertEqual(process.stdout.readline(), b"connected\n")
        connection.close()
        self.finish(process, b"read: 0\npoll: IN RDHUP\nsend: Broken pipe\n")

    def test_nobody_listens_on_the_host(self):
        result = self.run_program(program("vsock"), "connect", 77, options=("--vsock", self.path))
        self.check(result, 1, b"connect: Connection reset by peer\n", b"")

    def test_machine_without_device(self):
        # As in Linux, whose own number is then that of the host.
        self.check(self.run_program(program("vsock"), "connect", 77), 1, b"connect: Connection reset by peer\n", b"")

    def test_what_was_sent_last_arrives(self):
        listener = self.listen(77)
        process = self.start("write", 77, 300_000)
        connection, _ = listener.accept()
        self.assertEqual(len(receive_all(connection)), 300_000)
        self.finish(process, b"")

    def test_snapshot(self):
        snapshot = self.folder / "snapshot"
        process = self.serve(2, options=("--snapshot", snapshot))
        first = self.connect(1234)
        first.sendall(b"before")
        self.assertEqual(first.recv(6, socket.MSG_WAITALL), b"before")
        process.send_signal(signal.SIGUSR1)
        self.await_file(snapshot)
        process.kill()
        process.wait()
        self.assertEqual(first.recv(1), b"")
        # The first stream has ended for the program, too, and its listener is still there.
        self.path = self.folder / "another"
        restored = self.start_machine("--restore", snapshot)
        self.await_file(self.path)
        self.assertEqual(self.exchange(self.connect(1234), b"after"), b"after")
        self.finish(restored, b"served\n")

    def test_killed_monitor_leaves_nothing_in_the_way(self):
        process = self.serve(1)
        connection = self.connect(1234)
        process.kill()
        process.wait()
        self.assertEqual(connection.recv(1), b"", "the stream ends with the machine")
        self.test_nobody_listens_on_the_host()


class VsockOption(CommandTest):
    def refuse(self, text, why, status=2):
        result = self.eremite("run", *MONITOR, "--vsock", text, program("hello"))
        self.check(result, status, b"", why)

    @unittest.skipIf(ON_CELL, "about QEMU")
    def test_qemu(self):
        self.refuse("/tmp/socket", "machine's number.*--vmm cell")
        self.refuse("2", "3 or more")
        if not os.path.exists("/dev/vhost-vsock"):
            self.refuse("3", "/dev/vhost-vsock", 125)

    @unittest.skipUnless(ON_CELL, "about cell")
    def test_cell(self):
        self.refuse("3", "path of a Unix socket, as ./3")
        self.refuse("/tmp/" + "x" * 100, "at most 96 characters", 125)
        self.write("occupied", "")
        self.refuse(str(self.folder / "occupied"), "there is something already", 125)
        self.assertTrue((self.folder / "occupied").exists())
