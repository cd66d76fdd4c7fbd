"""Programs in the machine as clients of servers here: those of BusyBox, which are static as Debian has them."""

import contextlib
import http.server
import random
import socket
import struct
import threading

from network import TapTest, UserNetworkTest
from support import ON_CELL, need_tool, program, unittest


class NetworkClientsTest:
    def setUp(self):
        super().setUp()
        self.busybox = need_tool("busybox")
        with open(self.busybox, "rb") as file:
            if b"ld-linux" in file.read(4096):
                raise unittest.SkipTest("busybox is not static (Debian package busybox-static)")

    def busybox_run(self, *arguments, **how):
        return self.execute(*self.command(self.busybox, *arguments, **how), limit=60)

    @contextlib.contextmanager
    def web_server(self, pages):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                data = pages.get(self.path)
                self.send_response(404 if data is None else 200)
                self.send_header("Content-Length", str(len(data or b"")))
                self.end_headers()
                self.wfile.write(data or b"")

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer((self.listen_at, 0), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def test_wget(self):
        data = random.Random(4).randbytes(1 << 18)
        with self.web_server({"/large": data}) as port:
            self.check(self.busybox_run("wget", "-q", "-O", "-", f"http://{self.host}:{port}/large"), output=data)
            self.check(self.busybox_run("wget", "-q", "-O", "-", f"http://{self.host}:{port}/nothing"), 1, output=b"", errors="404")

    def test_refused(self):
        with socket.socket() as closed:
            closed.bind((self.listen_at, 0))
            port = closed.getsockname()[1]
            self.check(self.busybox_run("wget", "-q", "-O", "-", f"http://{self.host}:{port}/"), 1, output=b"", errors=self.refusal)

    def test_stream_in_and_out(self):
        # What is typed goes to the peer, and its answer, which comes after the end of that, to the output.
        data = random.Random(5).randbytes(50_000 if ON_CELL else 300_000)
        with socket.create_server((self.listen_at, 0)) as listener:
            heard = []

            def talk():
                connection, _ = listener.accept()
                with connection:
                    while part := connection.recv(65536):
                        heard.append(part)
                    connection.sendall(data[:10_000])

            peer = threading.Thread(target=talk)
            peer.start()
            result = self.execute(*self.command(self.busybox, "nc", self.host, listener.getsockname()[1]), input=data, limit=60)
            peer.join()
        self.check(result, output=data[:10_000])
        self.assertEqual(b"".join(heard), data)

    def test_tftp(self):
        # By datagrams, of which each is answered (RFC 1350).
        data = random.Random(6).randbytes(50_000)
        failures = []
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as transfer:
            for each in (control, transfer):
                each.bind((self.listen_at, 0))
                each.settimeout(30)

            def serve():
                try:
                    request, client = control.recvfrom(600)
                    self.assertTrue(request.startswith(b"\0\1file\0octet\0"), request)
                    for block in range(1, len(data) // 512 + 2):
                        packet = struct.pack("!HH", 3, block) + data[(block - 1) * 512:block * 512]
                        answer = b""
                        while answer != struct.pack("!HH", 4, block):
                            transfer.sendto(packet, client)
                            answer, _ = transfer.recvfrom(600)
                except (OSError, AssertionError) as error:
                    failures.append(error)

            server = threading.Thread(target=serve)
            server.start()
            result = self.busybox_run("tftp", "-g", "-r", "file", "-l", "/dev/stdout", self.host, control.getsockname()[1])
            server.join()
        self.assertEqual(failures, [], str(result))
        self.check(result, output=data)

    def test_last_words(self):
        # A datagram of a program that ends at once, to somebody whose link address is not known yet.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
            receiver.bind((self.listen_at, 0))
            receiver.settimeout(30)
            self.check(self.execute(*self.command(program("datagram"), self.host, receiver.getsockname()[1], "last words")), output=b"", errors=b"")
            self.assertEqual(receiver.recv(100), b"last words")


class NetworkClientsTap(NetworkClientsTest, TapTest):
    listen_at = "10.0.5.1"
    refusal = "Connection refused"

    def test_last_words_to_nobody(self):
        # The machine does not wait for ever for somebody who is not there.
        self.check(self.execute(*self.command(program("datagram"), "10.0.5.99", 9, "anybody there?"), limit=20), output=b"", errors=b"")


class NetworkClientsUser(NetworkClientsTest, UserNetworkTest):
    listen_at = "127.0.0.1"
    refusal = "Connection (refused|reset)"
