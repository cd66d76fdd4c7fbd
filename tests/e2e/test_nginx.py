"""nginx as Debian has it, unmodified: files, connections that stay, TLS."""

import hashlib
import random
import socket
import ssl

from network import ShardsTest, TapTest, UserNetworkTest, server
from support import need_tool

CONFIGURATION = """
daemon off;
master_process off;
error_log /dev/stderr notice;
events { worker_connections 256; }
http {
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 100000;
    server {
        listen 80;
        listen 443 ssl;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_certificate /certificate.pem;
        ssl_certificate_key /key.pem;
        root /pages;
    }
}
"""


class NginxTest:
    def setUp(self):
        super().setUp()
        self.curl = need_tool("curl")
        content = random.Random(3)
        self.pages = {"small.html": content.randbytes(612), "large.bin": content.randbytes(1 << 20), "empty": b""}
        for name, data in self.pages.items():
            self.write(f"files/pages/{name}", data)
        self.write("files/nginx.conf", CONFIGURATION)
        # It looks up its default user, whom it becomes nowhere.
        self.write("files/etc/passwd", "nobody:x:65534:65534:nobody:/:/bin/sh\n")
        self.write("files/etc/group", "nogroup:x:65534:\n")
        self.certificate = self.folder / "files/certificate.pem"
        self.check(self.execute(need_tool("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                                "-days", 2, "-subj", "/CN=eremite.test", "-addext", "subjectAltName=DNS:eremite.test", "-keyout",
                                self.folder / "files/key.pem", "-out", self.certificate))
        nginx = self.start(server("nginx"), "-c", "/nginx.conf", ports=[80, 443], options=["--files", self.folder / "files"])
        # It says that when it listens.
        nginx.wait_for("getrlimit")

    def url(self, path, port=80):
        return f"{'https' if port == 443 else 'http'}://eremite.test:{port}/{path}"

    def fetch(self, *words, **how):
        connect = []
        for port, (address, at) in self.at.items():
            connect += ["--connect-to", f"eremite.test:{port}:{address}:{at}"]
        return self.execute(self.curl, "--silent", "--show-error", "--max-time", 30, "--cacert", self.certificate, *connect, *words, **how)

    def test_files(self):
        for name, data in self.pages.items():
            with self.subTest(name):
                self.check(self.fetch(self.url(name)), output=data, errors=b"")
        data = self.pages["large.bin"]
        self.check(self.fetch("--range", "1000-200000", self.url("large.bin")), output=data[1000:200001], errors=b"")
        answer = self.check(self.fetch("--head", self.url("small.html"))).text
        self.assertRegex(answer, r"^HTTP/1.1 200 OK\r\nServer: nginx/")
        self.assertIn("Content-Length: 612\r\n", answer)
        self.assertRegex(self.check(self.fetch("--include", self.url("nothing"))).text, "^HTTP/1.1 404 ")

    def test_connections_that_stay(self):
        words = ["--output", "/dev/null", self.url("small.html")] * 50
        result = self.check(self.fetch("--write-out", "%{http_code} %{num_connects} %{size_download}\n", *words))
        self.assertEqual(result.text, "200 1 612\n" + "200 0 612\n" * 49)
        # Requests that come before the answers to those before them.
        requests = b"GET /small.html HTTP/1.1\r\nHost: x\r\n\r\n" * 20 + b"GET /empty HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        with socket.create_connection(self.at[80], timeout=30) as connection:
            connection.sendall(requests)
            with connection.makefile("rb") as stream:
                answer = stream.read()
        self.assertEqual(answer.count(b"HTTP/1.1 200 OK\r\n"), 21)
        self.assertEqual(answer.count(self.pages["small.html"]), 20)

    def test_many_at_once(self):
        digest = hashlib.sha256(self.pages["large.bin"]).hexdigest()
        words = ["--parallel", "--parallel-immediate", "--parallel-max", min(8, self.clients)]
        files = [self.folder / f"got{i}" for i in range(8)]
        for file in files:
            words += ["--output", file, self.url("large.bin")]
        self.check(self.fetch(*words))
        self.assertEqual({hashlib.sha256(file.read_bytes()).hexdigest() for file in files}, {digest})

    def test_tls(self):
        self.check(self.fetch(self.url("large.bin", 443)), output=self.pages["large.bin"], errors=b"")
        context = ssl.create_default_context(cafile=self.certificate)
        session = None
        for _ in range(2):
            with socket.create_connection(self.at[443], timeout=30) as plain:
                with context.wrap_socket(plain, server_hostname="eremite.test", session=session) as connection:
                    self.assertEqual(connection.session_reused, session is not None)
                    connection.sendall(b"GET /small.html HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                    with connection.makefile("rb") as stream:
                        self.assertTrue(stream.read().endswith(b"\r\n\r\n" + self.pages["small.html"]))
                    self.assertEqual(connection.version(), "TLSv1.3")
                    session = connection.session
        # Whoever speaks no TLS there is told so.
        self.assertIn(b"400 Bad Request", self.exchange(443, b"GET / HTTP/1.0\r\n\r\n", until=b"</html>\r\n"))


class NginxTap(NginxTest, TapTest):
    pass


class NginxShards(NginxTest, ShardsTest):
    pass


class NginxUser(NginxTest, UserNetworkTest):
    pass
