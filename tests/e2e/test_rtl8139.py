"""The RTL8139 in place of a virtio network device: a download through it."""

import http.server
import random
import threading

from network import NetworkTest, UserNetworkTest
from support import need_tool


class Rtl8139(NetworkTest):
    def download(self, machine, *, cpus=1):
        data = random.Random(2).randbytes(300_000)

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        def replace(words):
            words[words.index("-M") + 1] = machine
            words[words.index("virtio-net-pci,netdev=net")] = "rtl8139,netdev=net"
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                url = f"http://{UserNetworkTest.host}:{server.server_port}/data"
                options = ["--machine", "q35", "--net", "user", "--cpus", cpus, "--log", "info"]
                result = self.raw_qemu(need_tool("busybox"), "wget", "-q", "-O", "-", url, options=options, change=replace, limit=100)
            finally:
                server.shutdown()
                thread.join()
        self.check(result, output=data)

    def test_q35(self):
        self.download("q35", cpus=2)

    def test_pc(self):
        self.download("pc")
