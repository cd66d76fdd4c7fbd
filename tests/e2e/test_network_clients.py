"""Programs in the machine as clients of servers here: those of BusyBox, which are static as Debian has them."""

import contextlib
import http.server
import random
import socket
import threading

from network import TapTest, UserNetworkTest
from support import need_tool, unittest


class Pages(http.server.BaseHTTPRequestHandler):
    pages = {}

    def do_GET(self):
        data = self.pages.get(self.path)
        self.send_response(404 if data is None else 200)
        self.send_header("Content-Length", str(len(data or b"")))
        self.end_headers()
        self.wfile.write(data or b"")

    def log_message(self, *_):
        pass


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
        class Handler(Pages):
            pass

        Handler.pages = pages
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
        data = random.Random(4).randbytes(2 << 20)
        with self.web_server({"/large": data}) as port:
            self.check(self.busybox_run("wget", "-q", "-O", "-", f"http://{self.host}:{port}/large"), output=data)
            self.check(self.busybox_run("wget", "-q", "-O", "-", f"http://{self.host}:{port}/nothing"), 1, output=b"", errors="404")

    def test_refused(self):
        with socket.socket() as closed:
            closed.bind((self.listen_at, 0))
            port = closed.getsockname()[1]
            self.check(self.busybox_run("wget", "-q", "-O", "-", f"http://{self.host}:{port}/"), 1, output=b"", errors=self.refusal)

    def test_stream_in_and_out(self):
        # What the peer says goes to the output, and what is typed goes to the peer.
        with socket.create_server((self.listen_at, 0)) as listener:
            heard = []

            def talk():
                connection, _ = listener.accept()
                with connection:
                    connection.sendall(b"hello machine\n")
                    connection.shutdown(socket.SHUT_WR)
                    while part := connection.recv(65536):
                        heard.append(part)

            peer = threading.Thread(target=talk)
            peer.start()
            data = random.Random(5).randbytes(200_000)
            result = self.execute(*self.command(self.busybox, "nc", self.host, listener.getsockname()[1]), input=data, limit=60)
            peer.join()
            self.check(result, output=b"hello machine\n")
            self.assertEqual(b"".join(heard), data)

    def test_datagrams(self):
        # One datagram of a program that ends at once, to somebody whose link address is not known yet.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
            receiver.bind((self.listen_at, 0))
            receiver.settimeout(30)
            port = receiver.getsockname()[1]
            command = self.command(self.busybox, "nc", "-u", "-w", "1", self.host, port)
            self.check(self.execute(*command, input=b"one datagram", limit=60))
            self.assertEqual(receiver.recv(100), b"one datagram")


class NetworkClientsTap(NetworkClientsTest, TapTest):
    listen_at = "10.0.5.1"
    refusal = "Connection refused"


class NetworkClientsUser(NetworkClientsTest, UserNetworkTest):
    listen_at = "127.0.0.1"
    refusal = "Connection (refused|reset)"
