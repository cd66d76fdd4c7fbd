"""curl as Debian has it, built static, in the machine: downloads and uploads, plain and with TLS, from a server here."""

import contextlib
import hashlib
import http.server
import random
import ssl
import threading

from network import TapTest, UserNetworkTest, server
from support import need_tool

MIB = 1 << 20


class CurlTest:
    def setUp(self):
        super().setUp()
        self.curl = server("curl")
        self.data = random.Random(7).randbytes(10 * MIB)
        self.certificate, self.key = self.folder / "files/certificate.pem", self.folder / "key.pem"
        self.certificate.parent.mkdir()
        self.make_certificate(self.certificate, self.key)
        # Of the same name, but another's.
        self.make_certificate(self.certificate.with_name("other.pem"), self.folder / "other key.pem")

    def make_certificate(self, file, key):
        self.check(self.execute(need_tool("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", 2,
                                "-subj", "/CN=eremite.test", "-addext", "subjectAltName=DNS:eremite.test", "-keyout", key, "-out", file))

    @contextlib.contextmanager
    def web_server(self, *, encrypted):
        data, test = self.data, self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self, status, text):
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def do_GET(self):
                self.answer(*{"/large": (200, data), "/small": (200, b"a few bytes\n")}.get(self.path, (404, b"nothing\n")))

            def do_PUT(self):
                digest = hashlib.sha256(self.rfile.read(int(self.headers["Content-Length"]))).hexdigest()
                test.uploaded.append((self.path, digest))
                self.answer(201, digest.encode() + b"\n")

            def log_message(self, *_):
                pass

        self.uploaded = []
        with http.server.ThreadingHTTPServer((self.listen_at, 0), Handler) as listener:
            if encrypted:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(self.certificate, self.key)
                listener.socket = context.wrap_socket(listener.socket, server_side=True, do_handshake_on_connect=False)
            thread = threading.Thread(target=listener.serve_forever)
            thread.start()
            try:
                yield f"{'https' if encrypted else 'http'}://eremite.test:{listener.server_port}", f"eremite.test:{listener.server_port}:{self.host}"
            finally:
                listener.shutdown()
                thread.join()

    def fetch(self, name, *words, then=(), trust="certificate.pem"):
        common = ["--silent", "--show-error", "--max-time", 60, "--resolve", name, "--cacert", f"/{trust}"]
        words = [*common, *words, *(["--next", *common, *then] if then else [])]
        return self.execute(*self.command(self.curl, *words, options=["--files", self.certificate.parent]), limit=100)

    def there_and_back(self, *, encrypted):
        """What is downloaded is uploaded again, over the same connection, and is the same."""
        digest = hashlib.sha256(self.data).hexdigest()
        with self.web_server(encrypted=encrypted) as (url, name):
            say = ["--write-out", "%{http_code} %{size_download} %{num_connects}\n"]
            result = self.fetch(name, *say, "--output", "/tmp/file", f"{url}/large", then=[*say, "--upload-file", "/tmp/file", f"{url}/again"])
        self.check(result, output=f"200 {10 * MIB} 1\n{digest}\n201 65 0\n".encode(), errors=b"")
        self.assertEqual(self.uploaded, [("/again", digest)])

    def test_large(self):
        self.there_and_back(encrypted=False)

    def test_large_with_tls(self):
        self.there_and_back(encrypted=True)

    def test_errors(self):
        with self.web_server(encrypted=True) as (url, name):
            self.check(self.fetch(name, f"{url}/small"), output=b"a few bytes\n", errors=b"")
            self.check(self.fetch(name, "--fail", f"{url}/nothing"), 22, output=b"", errors="404")
            self.check(self.fetch(name, f"{url}/small", trust="other.pem"), 60, output=b"", errors="certificate")


class CurlTap(CurlTest, TapTest):
    listen_at = TapTest.host


class CurlUser(CurlTest, UserNetworkTest):
    listen_at = "127.0.0.1"
