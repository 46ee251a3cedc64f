"""The real binary on loopback, for end-to-end tests: PUNA_BINARY names it, else it is build/release/puna. Python's standard library
only."""

import http.client
import json
import os
import random
import re
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BINARY = os.environ.get("PUNA_BINARY", os.path.join(SOURCE, "build", "release", "puna"))
# What starts it: an emulator, for the binary of another processor.
RUNNER = shlex.split(os.environ.get("PUNA_RUNNER", ""))
# How long a test waits for what must come before it calls that a hang. What passes on a fast machine passes on one that is
# ten times slower: tests follow what the server has done, and no other time decides anything.
HANG_SECONDS = 600
# Options with which the demo model is slow beside everything around it: LONG then runs until the test ends it.
SLOW_MODEL = ("--no-speculation", "--isa", "scalar")
LONG = {"prompt": "Hello", "ignore_eos": True, "max_tokens": 8000, "temperature": 1, "seed": 1}


def shared_folder():
    """Where the golden data lies, or None: $PUNA_SHARED, or ../shared beside the project."""
    folder = os.environ.get("PUNA_SHARED", os.path.join(SOURCE, "..", "shared"))
    return folder if os.path.isdir(os.path.join(folder, "golden")) else None


def write_random_model(folder):
    """The demo model with the elements of its matrices in another order: the same shapes, and no sense at all."""
    demo = os.path.join(SOURCE, "engine", "demo", "model")
    for name in os.listdir(demo):
        shutil.copy(os.path.join(demo, name), folder)
    path = os.path.join(folder, "model.safetensors")
    with open(path, "rb") as file:
        data = bytearray(file.read())
    start = 8 + struct.unpack("<Q", data[:8])[0]
    order = random.Random(1)
    for name, tensor in json.loads(data[8:start]).items():
        if name == "__metadata__" or len(tensor["shape"]) != 2:
            continue
        begin, end = (start + offset for offset in tensor["data_offsets"])
        pieces = [data[at:at + 16] for at in range(begin, end, 16)]
        order.shuffle(pieces)
        data[begin:end] = b"".join(pieces)
    with open(path, "wb") as file:
        file.write(data)


def clean_environment(extra=None):
    """The environment without PUNA_ options of whoever runs the tests."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PUNA_")}
    return {**kept, **(extra or {})}


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        return self.json["error"]

    def events(self):
        """The payloads of a stream of server-sent events; the framing must be exact."""
        text = self.body.decode("utf-8")
        assert text.endswith("\n\n"), repr(text[-40:])
        events = []
        for event in text[:-2].split("\n\n"):
            if event.startswith(": "):
                continue
            assert event.startswith("data: ") and "\n" not in event, repr(event)
            events.append(event[len("data: "):])
        return events


class Server:
    """A running puna; use it in a with statement."""

    def __init__(self, *arguments, env=None, port=0):
        if "--threads" not in arguments:
            # One thread waits for nobody: on a machine that is busy, a team would.
            arguments = (*arguments, "--threads", "1")
        self.lines = []
        self.log_grew = threading.Condition()
        self.process = self.start([*RUNNER, BINARY, "serve", "--port", str(port), *arguments], clean_environment(env))
        self.reader = threading.Thread(target=self._read_log, daemon=True)
        self.reader.start()
        self.port = int(self.wait_for_log(r"serving .* on https?://[^ ]*:(\d+)").group(1))

    def start(self, command, env):
        return subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def _read_log(self):
        for line in self.process.stderr:
            with self.log_grew:
                self.lines.append(line)
                self.log_grew.notify_all()
        with self.log_grew:
            self.log_grew.notify_all()

    def log(self):
        with self.log_grew:
            return "".join(self.lines)

    def wait_for_log(self, pattern, seconds=HANG_SECONDS):
        """The match of the pattern in the log, as soon as there is one."""
        deadline = time.monotonic() + seconds
        with self.log_grew:
            while True:
                match = re.search(pattern, "".join(self.lines))
                if match:
                    return match
                if not self.reader.is_alive() or not self.log_grew.wait(deadline - time.monotonic()):
                    raise AssertionError(f"no {pattern!r} in the log:\n" + "".join(self.lines))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(HANG_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
        self.reader.join()
        self.process.stderr.close()

    def wait(self, seconds=HANG_SECONDS):
        """The exit status."""
        return self.process.wait(seconds)

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=HANG_SECONDS)

    def request(self, method, path, body=None, headers=None, connection=None):
        """One request; a body that is no bytes is sent as JSON. A header that is None is not sent."""
        headers = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
        headers = {name: value for name, value in headers.items() if value is not None}
        own = connection is None
        connection = connection or self.connect()
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        reply = Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        if own:
            connection.close()
        return reply

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def post(self, path, body, **more):
        return self.request("POST", path, body, **more)

    def chat(self, text, **more):
        return self.post("/v1/chat/completions", {"messages": [{"role": "user", "content": text}], **more})

    def complete(self, prompt, **more):
        return self.post("/v1/completions", {"prompt": prompt, **more})

    def open_stream(self, path, body):
        """A socket on which the request has been sent, for tests that leave in the middle."""
        payload = json.dumps(body).encode()
        sock = socket.create_connection(("127.0.0.1", self.port), timeout=HANG_SECONDS)
        sock.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                     f"Content-Length: {len(payload)}\r\n\r\n".encode() + payload)
        return sock

    def raw(self, data):
        """Sends bytes as they are, and no more; one reply, or what comes until the server closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=HANG_SECONDS) as sock:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            received = b""
            try:
                while True:
                    head, _, body = received.partition(b"\r\n\r\n")
                    length = re.search(rb"\r\nContent-Length: (\d+)", head)
                    if length and len(body) >= int(length.group(1)):
                        return received
                    part = sock.recv(65536)
                    if not part:
                        return received
                    received += part
            except ConnectionResetError:
                return received

    def spent(self):
        """Seconds of processor time that the server has taken: other work on the machine hardly changes them."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii", errors="replace") as file:
            user, system = file.read().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def busy(self):
        health = self.get("/health").json
        return health["running"] + health["waiting"]

    def wait_until(self, condition, seconds=HANG_SECONDS):
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "waited in vain; the log:\n" + self.log()
            time.sleep(0.02)


def read_until(sock, end):
    """Bytes from the socket up to and including `end`."""
    received = b""
    while end not in received:
        part = sock.recv(4096)
        assert part, f"the connection ended before {end!r}: {received!r}"
        received += part
    return received


def free_port():
    """A port for a server that cannot choose its own: none that the system gives to others who ask for any."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
        first = int(file.read().split()[0])
    while True:
        port = random.SystemRandom().randrange(min(10000, first - 2000), first)
        with socket.socket() as sock:
            try:
                sock.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def run(*arguments, env=None, timeout=HANG_SECONDS):
    """Runs puna to its end."""
    return subprocess.run([*RUNNER, BINARY, *arguments], env=clean_environment(env), capture_output=True, text=True,
                          timeout=timeout, check=False)


class SharedServer(unittest.TestCase):
    """Tests that ask one server of their class; `arguments` are its options."""

    arguments = ()
    server = None

    @classmethod
    def setUpClass(cls):
        cls.server = Server(*cls.arguments)

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()


class TemporaryFolder(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="puna-test-")
        self.addCleanup(shutil.rmtree, self.folder)

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path
