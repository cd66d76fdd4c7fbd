"""A server of Asio's, linked with the kernel into one file."""

import http.client
import pathlib
import threading

from network import TapTest, UserNetworkTest
from support import program, unittest

PORT = 8080


class HttpServerTest:
    threads = 3

    def setUp(self):
        super().setUp()
        if not pathlib.Path(program("http_server")).exists():
            raise unittest.SkipTest("there is no asio.hpp (Debian package libasio-dev)")
        self.server = self.start(program("http_server"), self.threads, ports=[PORT], options=["--cpus", 2])
        self.server.wait_for("listening")

    def connect(self):
        return http.client.HTTPConnection(*self.at[PORT], timeout=30)

    def get(self, connection, target):
        connection.request("GET", target)
        answer = connection.getresponse()
        self.assertEqual(answer.status, 200)
        return answer.read()

    def test_clients_at_once(self):
        failures = []

        def visit(client):
            try:
                connection = self.connect()
                for i in range(20):
                    self.assertEqual(self.get(connection, f"/{client}/{i}"), f"/{client}/{i}".encode())
                self.assertEqual(self.get(connection, "/bytes/300000"), b"x" * 300000)
                connection.close()
            except (OSError, http.client.HTTPException, AssertionError) as error:
                failures.append(error)

        clients = [threading.Thread(target=visit, args=(client,)) for client in range(self.clients)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        self.assertEqual(failures, [])

    def test_answer_of_a_program_that_ends(self):
        # Its last words arrive though the machine ends with it, and then the end of the stream.
        idle = self.connect()
        idle.connect()
        connection = self.connect()
        self.assertEqual(self.get(connection, "/stop"), b"/stop")
        self.assertEqual(connection.sock.recv(1), b"")
        self.assertEqual(idle.sock.recv(1), b"")
        self.assertEqual(self.server.wait(), 5)
        self.assertIn("stopped\n", self.server.text)


class HttpServerTap(HttpServerTest, TapTest):
    pass


class HttpServerUser(HttpServerTest, UserNetworkTest):
    pass
