"""docker/nginx.conf, docker/Caddyfile and docker/haproxy.cfg with the real nginx, Caddy and HAProxy: streams come as they are made,
who leaves is noticed, a prefix is taken off, and odd requests are answered or refused, never mixed up: by one table, which is sent
to the server itself, too.

Skipped where they are not (Debian: apt-get install nginx-light caddy haproxy)."""

import json
import os
import re
import shutil
import socket
import subprocess
import time
import unittest

from puna import HANG_SECONDS, LONG, SLOW_MODEL, SOURCE, Server, TemporaryFolder, free_port, read_until

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
CADDY = shutil.which("caddy")
HAPROXY = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin")


def post(path, body, headers=b""):
    payload = json.dumps(body).encode()
    return (b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n"
            % (path.encode(), headers, len(payload)) + payload)


def get(target, fields=b""):
    return b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\n" + fields + b"\r\n"


def length(text):
    """A body of 15 bytes, of which this is said to be the length, and in it a request for whoever believes in less."""
    return (b"POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: " + text +
            b"\r\n\r\nGET /smuggled \r\n")


def coding(text):
    return (b"POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: " + text +
            b"\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n")


class Behind:
    """What holds behind each proxy. self.port: the proxy's."""
    prefixes = ("", "/llm")
    is_proxy = True

    def start(self, command, **more):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more)
        self.addCleanup(process.wait, HANG_SECONDS)
        self.addCleanup(process.terminate)
        deadline = time.monotonic() + HANG_SECONDS
        while True:
            try:
                self.connect().close()
                return
            except OSError:
                self.assertIsNone(process.poll(), "the proxy has ended")
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.05)

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=HANG_SECONDS)

    def say(self, *parts):
        """What comes back for bytes sent in these parts, and a last request behind them which ends the connection."""
        with self.connect() as sock:
            try:
                for part in (*parts, b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"):
                    sock.sendall(part)
            except OSError:
                pass  # closed before all was said
            received = b""
            try:
                while piece := sock.recv(65536):
                    received += piece
            except ConnectionResetError:
                pass
            return received

    def test_a_stream_comes_as_it_is_made_and_who_leaves_ends_it(self):
        for prefix in self.prefixes:
            with self.connect() as sock:
                sock.sendall(post(f"{prefix}/v1/completions", {**LONG, "stream": True}))
                read_until(sock, b"data: ")  # long before 4 KiB
                self.assertEqual(self.server.busy(), 1)
            self.server.wait_until(lambda: self.server.busy() == 0)

    def test_who_leaves_a_whole_answer_is_noticed(self):
        with self.connect() as sock:
            sock.sendall(post("/v1/completions", LONG))
            self.server.wait_until(lambda: self.server.busy() == 1)
        self.server.wait_until(lambda: self.server.busy() == 0)
        self.assertIn("client left", self.server.log())

    def test_odd_requests(self):
        short = post("/tokenize", {"prompt": "Hello"})
        chunked = (b"POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                   b"Transfer-Encoding: chunked\r\n\r\n5\r\n{\"pro\r\nd\r\nmpt\": \"Hello\"\r\n1\r\n}\r\n0\r\nX-Trailer: 1\r\n\r\n")
        both = (b"POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 4\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /v1/models HTTP/1.1\r\nHost: smuggled\r\n\r\n")
        # Bytes, the statuses that the server gives back for them, and what else a proxy may make of them.
        table = [
            (short, [200]),
            (short * 2, [200, 200], [200]),  # in order, or closed behind the first
            (short * 5, [200] * 5, [200]),
            (chunked, [200]),
            (chunked + short, [200, 200], [200]),
            (both, [400], [400, 403]),  # the second as one of its own, if the proxy goes by chunks
            (short.replace(b"HTTP/1.1", b"HTTP/1.0"), [200]),
            (short.replace(b"Host: localhost\r\n", b""), [400]),
            (short.replace(b"Host:", b"Host :"), [400]),
            (short.replace(b"\r\nContent-Length", b"\r\n Content-Length"), [400], [415], [415, 400]),
            (short.replace(b"Content-Length", b"Expect: 100-continue\r\nContent-Length"), [200]),
            (short.replace(b"application/json", b"text/plain"), [415]),
            (b"\r\n" + short, [200]),
            (short + b"\r\n" + short, [200, 200], [200], [200, 400]),
            (get(b"/v1/models", b"Connection: CLOSE\r\n"), [200]),
            (get(b"/v1/models", b"Content-Length: 2\r\n") + b"{}" + short, [200, 200], [200]),
            (get(b"/v1/models").replace(b"GET", b"HEAD") + short, [200, 200], [200]),
            (get(b"/v1/models").replace(b"GET", b"BREW"), [501], [400], [405]),
            (get(b"http://localhost/v1/models"), [200]),
            (get(b"http://elsewhere/v1/models"), [403], [200], [400], [421]),  # two names: one may stand for both
            (get(b"/v1/models").replace(b"HTTP/1.1", b"HTTP/1.0\r\nConnection: keep-alive"), [200]),
            (get(b"/v1/models").replace(b"HTTP/1.1", b"HTTP/3.0"), [505], [200], [400]),
            (get(b"/v1/models").replace(b" HTTP/1.1", b""), [400], []),
            (get(b"/v1/models?a=%00%0d%0a"), [200], [400]),
            (get(b"/v1/%6dodels"), [200]),
            (get(b"/v1//models"), [404], [200]),
            (get(b"/v1/../v1/models"), [404], [200], [400]),
            (get(b"/v1/models", b"Host: localhost\r\n"), [400], [200]),
            (get(b"/v1/models", b"X: a\nX-Smuggled: b\r\n"), [400], [200]),
            (get(b"/v1/models", b"X: a\0b\r\n"), [400]),
            (get(b"/v1/models", b"X" * 70000 + b": a\r\n"), [431], [400], [414]),
            (length(b"+15"), [400]),
            (length(b"-1"), [400]),
            (length(b"0x10"), [400]),
            (length(b"15, 15"), [400]),
            (length(b"18446744073709551632"), [413], [400]),
            (length(b"15\r\nContent-Length: 16"), [400]),
            (coding(b"chunked, chunked"), [400], [501]),
            (coding(b"xchunked"), [400], [501]),
            (coding(b"chunked\r\nTransfer-Encoding: identity"), [400], [501]),
            (coding(b"gzip, chunked"), [501], [400], [415], [422]),
            (chunked.replace(b"\r\n5\r\n", b"\r\n5;name=value\r\n"), [200]),
            (chunked.replace(b"\r\n5\r\n", b"\r\n0x5\r\n"), [400]),
            (chunked.replace(b"\r\n5\r\n", b"\r\n-5\r\n"), [400]),
            (chunked.replace(b"\r\n5\r\n", b"\r\nfffffffffffffffff\r\n"), [413], [400]),
            (chunked.replace(b"\r\n5\r\n", b"\r\n4\r\n"), [400]),
        ]
        for request, *expected in table:
            for cut in {len(request), len(request) // 2, request.index(b"\r\n\r\n") + 2}:
                with self.subTest(request=request[:300], cut=cut):
                    answer = self.say(request[:cut], request[cut:])
                    statuses = [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3}) ", answer) if status != b"100"]
                    if statuses[-1:] == [200] and b'"status":"ok"' in answer:
                        statuses.pop()  # of the last one; else the connection was closed before it
                    self.assertIn(statuses, expected if self.is_proxy else expected[:1], answer)
        self.assertNotIn("smuggled", self.server.log())


class Nobody(Behind, unittest.TestCase):
    """The server itself, by the same table."""
    prefixes = ("",)
    is_proxy = False

    def setUp(self):
        self.server = Server(*SLOW_MODEL)
        self.addCleanup(self.server.__exit__)
        self.port = self.server.port


@unittest.skipUnless(NGINX, "skipped: no nginx")
class Nginx(Behind, TemporaryFolder):
    def setUp(self):
        super().setUp()
        self.server = Server(*SLOW_MODEL)
        self.addCleanup(self.server.__exit__)
        self.port = free_port()
        with open(os.path.join(SOURCE, "docker", "nginx.conf"), encoding="utf-8") as file:
            config = file.read()
        for there, here in ((8080, self.server.port), (8443, self.port)):
            config = config.replace(f"127.0.0.1:{there}", f"127.0.0.1:{here}")
        # Where Debian's package writes is root's; the configuration itself stays as it is.
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        scratch = "".join(f"{kind}_temp_path {self.folder}/{kind};\n" for kind in kinds)
        config = config.replace("\nhttp {", "\nhttp {\naccess_log off;\n" + scratch, 1)
        shutil.copy(os.path.join(SOURCE, "docker", "puna_proxy.conf"), self.folder)
        path = self.write("nginx.conf", config)
        command = [NGINX, "-p", self.folder, "-e", "stderr", "-c", path, "-g", f"daemon off; pid {self.folder}/pid;"]
        self.start(command)


@unittest.skipUnless(CADDY, "skipped: no caddy")
class Caddy(Behind, TemporaryFolder):
    def setUp(self):
        super().setUp()
        self.server = Server(*SLOW_MODEL)
        self.addCleanup(self.server.__exit__)
        self.port = free_port()
        self.start([CADDY, "run", "--adapter", "caddyfile", "--config", os.path.join(SOURCE, "docker", "Caddyfile")],
                   env={**os.environ, "HOME": self.folder, "PUNA_LISTEN": f"http://:{self.port}",
                        "PUNA_REPLICAS": f"127.0.0.1:{self.server.port}"})


@unittest.skipUnless(HAPROXY, "skipped: no haproxy")
class Haproxy(Behind, unittest.TestCase):
    prefixes = ("",)

    def setUp(self):
        self.server = Server(*SLOW_MODEL)
        self.addCleanup(self.server.__exit__)
        self.port = free_port()
        replica = f"127.0.0.1:{self.server.port}"
        self.start([HAPROXY, "-db", "-f", os.path.join(SOURCE, "docker", "haproxy.cfg")],
                   env={**os.environ, "PUNA_LISTEN": f"127.0.0.1:{self.port}", "PUNA_REPLICA_1": replica,
                        "PUNA_REPLICA_2": replica})


if __name__ == "__main__":
    unittest.main()
