"""puna as a service: systemd's protocols, Unix sockets, a path prefix, a delay before the end, files that change under it."""

import http.client
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

from puna import BINARY, HANG_SECONDS, LONG, SLOW_MODEL, SOURCE, Server, TemporaryFolder, clean_environment, free_port, run

# Runs the rest of its arguments with the sockets that it inherited, as systemd does: the variable must name the process itself.
PASS_ON = "import os, sys; os.environ['LISTEN_PID'] = str(os.getpid()); os.execv(sys.argv[1], sys.argv[1:])"


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=HANG_SECONDS)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(HANG_SECONDS)
        self.sock.connect(self.path)


def get(connection, path):
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, answer.read()


class ServerThatAnnounces(Server):
    """One that may listen on no port: `announced` is what its line says of where it serves."""

    def __init__(self, *arguments, announced, env=None, command=(), pass_fds=()):
        self.announced, self.command, self.pass_fds = announced, command, pass_fds
        super().__init__(*arguments, env=env)

    def wait_for_log(self, pattern, seconds=HANG_SECONDS):
        if "serving" in pattern:
            super().wait_for_log(self.announced, seconds)
            return re.match(r"(\d)", "0")
        return super().wait_for_log(pattern, seconds)

    def start(self, command, env):
        return subprocess.Popen([*self.command, *command], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                text=True, pass_fds=self.pass_fds)


class Manager(TemporaryFolder):
    """systemd's end of sd_notify."""

    def setUp(self):
        super().setUp()
        self.path = os.path.join(self.folder, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.settimeout(HANG_SECONDS)
        self.socket.bind(self.path)
        self.addCleanup(self.socket.close)

    def until(self, wanted):
        """What was said up to and with a message that has this line."""
        said = []
        while not said or wanted not in said[-1].split("\n"):
            said.append(self.socket.recv(4096).decode())
        return said

    def test_ready_reloading_alive_stopping(self):
        with Server(env={"NOTIFY_SOCKET": self.path, "WATCHDOG_USEC": "1000000"}) as server:
            said = self.until("READY=1")
            self.assertRegex(said[-1], r"^READY=1\nSTATUS=serving \S+$")
            self.assertNotIn("STOPPING=1", said)
            self.until("WATCHDOG=1")
            self.until("WATCHDOG=1")
            server.process.send_signal(signal.SIGHUP)
            self.assertRegex(self.until("RELOADING=1")[-1], r"^RELOADING=1\nMONOTONIC_USEC=\d+\n")
            self.until("READY=1")
            server.process.send_signal(signal.SIGTERM)
            self.until("STOPPING=1")
            self.assertEqual(server.wait(), 0)

    def test_a_process_that_stands_still_gives_no_sign_of_life(self):
        with Server(env={"NOTIFY_SOCKET": self.path, "WATCHDOG_USEC": "1000000"}) as server:
            self.until("READY=1")
            os.kill(server.process.pid, signal.SIGSTOP)
            self.socket.settimeout(2)
            with self.assertRaises(TimeoutError):
                while True:
                    self.socket.recv(4096)
            os.kill(server.process.pid, signal.SIGCONT)
            self.socket.settimeout(HANG_SECONDS)
            self.until("WATCHDOG=1")

    def test_signs_of_life_without_a_descriptor_left(self):
        with Server(env={"NOTIFY_SOCKET": self.path, "WATCHDOG_USEC": "1000000"}) as server:
            self.until("READY=1")
            _, most = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
            resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (0, most))
            for _ in range(3):
                self.until("WATCHDOG=1")
            resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (most, most))


class Sockets(TemporaryFolder):
    def test_a_unix_socket(self):
        path = os.path.join(self.folder, "puna.sock")
        for _ in range(2):  # the second one finds what the first, killed, left behind
            with ServerThatAnnounces("--host", "unix:" + path, announced="serving .* on unix:" + path) as server:
                status, body = get(UnixConnection(path), "/v1/models")
                self.assertEqual((status, body[:9]), (200, b'{"object"'))
                self.assertIn("healthy: unix:" + path, run("healthcheck", "--host", "unix:" + path).stdout)
                self.assertIn("is there", run("serve", "--host", "unix:" + self.write("file", "")).stderr)
                self.assertIn("Address already in use", run("serve", "--host", "unix:" + path).stderr)
                server.process.kill()
                server.wait()
            self.assertTrue(os.path.exists(path))
        with ServerThatAnnounces("--host", "unix:" + path, announced="serving .* on unix:" + path) as server:
            server.process.send_signal(signal.SIGTERM)
            self.assertEqual(server.wait(), 0)
        self.assertFalse(os.path.exists(path))

    def listening(self, host):
        one = socket.socket()
        self.addCleanup(one.close)
        one.bind((host, 0))
        one.listen()
        return one

    def passed_on(self, announced, sockets, names, *arguments):
        """A server that was started with these sockets, by name."""
        shell = "".join(f"exec {3 + i}<&{100 + i}; " for i in range(len(sockets))) + "exec \"$@\""
        for i, one in enumerate(sockets):
            os.dup2(one.fileno(), 100 + i)
            self.addCleanup(os.close, 100 + i)
        command = ("bash", "-c", shell, "bash", sys.executable, "-c", PASS_ON)
        env = {"LISTEN_FDS": str(len(sockets)), "LISTEN_FDNAMES": ":".join(names)}
        return ServerThatAnnounces(*arguments, announced=announced, env=env, command=command,
                                   pass_fds=tuple(range(100, 100 + len(sockets))))

    def test_the_host_is_that_of_the_socket(self):
        local, open_to_all = self.listening("127.0.0.1"), self.listening("0.0.0.0")
        port = open_to_all.getsockname()[1]
        body = {"max_tokens": 1, "include_cache_report": True}
        with self.passed_on(f"serving .* on http://127.0.0.1:{port}", (local, open_to_all), ("a", "b")) as server:
            self.assertIn("listening on 0.0.0.0 without an API key", server.log())
            server.port = port
            for text in ("My secret is cucumber.", "My secret is what?"):
                reply = server.post("/v1/completions", {"prompt": "You are a helpful assistant. " * 8 + text, **body})
            difference = reply.json["usage"]["cache_report"]["first_difference"]
            self.assertEqual(difference["reason"], "different")
            self.assertNotIn("before", difference)

    def test_a_local_socket_is_local_whatever_host_says(self):
        local = self.listening("127.0.0.1")
        port = local.getsockname()[1]
        with self.passed_on(f"serving .* on http://127.0.0.1:{port}", (local,), ("a",), "--host", "0.0.0.0") as server:
            self.assertNotIn("without an API key", server.log())

    def test_sockets_that_systemd_passes_on(self):
        first, second, probes = (self.listening("127.0.0.1") for _ in range(3))
        port = first.getsockname()[1]
        with self.passed_on(f"serving .* on http://127.0.0.1:{port}", (first, second, probes),
                            ("puna.socket", "puna.socket", "metrics")) as server:
            for one, path, status in ((first, "/v1/models", 200), (second, "/v1/models", 200), (probes, "/metrics", 200),
                                      (probes, "/v1/models", 404)):
                connection = http.client.HTTPConnection(*one.getsockname(), timeout=HANG_SECONDS)
                self.assertEqual(get(connection, path)[0], status)
                connection.close()
            server.process.send_signal(signal.SIGTERM)
            self.assertEqual(server.wait(), 0)
        # The sockets are systemd's: whoever comes meanwhile waits in them for the next server.
        with socket.create_connection(first.getsockname(), timeout=HANG_SECONDS):
            pass


class Prefix(unittest.TestCase):
    def test_everything_is_answered_under_it(self):
        with Server("--path-prefix", "/llm") as server:
            self.assertEqual(server.get("/llm/v1/models").status, 200)
            self.assertEqual(server.get("/health").status, 200)
            self.assertEqual(server.get("/llm/health").status, 200)
            outside = server.get("/v1/models")
            self.assertEqual(outside.status, 404)
            self.assertIn("under /llm, as in /llm/v1/models", outside.error["message"])
            self.assertEqual(server.post("/llm/v1/completions", {"prompt": "Hi", "max_tokens": 1}).status, 200)
            self.assertEqual(server.post("/llm/v1/messages", {"max_tokens": 1}).json["type"], "error")
            self.assertIn("/llm/v1/chat/completions", server.log())
        self.assertIn("path_prefix", run("serve", "--path-prefix", "llm").stderr)
        self.assertIn("path_prefix", run("serve", "--path-prefix", "/llm/").stderr)


class Delay(unittest.TestCase):
    def test_not_ready_but_serving_before_the_port_is_closed(self):
        with Server("--drain-delay-s", "3") as server:
            self.assertEqual(server.get("/health/ready").status, 200)
            server.process.send_signal(signal.SIGTERM)
            server.wait_until(lambda: server.get("/health/ready").status == 503)
            self.assertEqual(server.get("/health/live").status, 200)
            self.assertEqual(server.complete("Hi", max_tokens=1).status, 200)
            self.assertEqual(server.wait(), 0)
            self.assertIn("still serving for 3 s", server.log())


class ChangedFile(TemporaryFolder):
    def setUp(self):
        super().setUp()
        self.model = os.path.join(self.folder, "model")
        shutil.copytree(os.path.join(SOURCE, "engine", "demo", "model"), self.model)
        packed = run("pack", self.model)
        self.assertEqual(packed.returncode, 0, packed.stderr)
        self.file = os.path.join(self.model, "puna-packed.bin")

    def test_a_file_that_becomes_shorter_ends_the_process_with_its_name(self):
        with Server("--model", self.model) as server:
            stream = server.open_stream("/v1/completions", {**LONG, "stream": True})
            stream.recv(100)
            os.truncate(self.file, 4096)
            self.assertEqual(server.wait(), 1)
            self.assertRegex(server.log(), r"puna-packed\.bin: (became shorter|was written to) while it was mapped")
            self.assertIn("write another one and rename it", server.log())
            stream.close()

    def test_a_file_that_is_written_to_ends_it_too(self):
        with Server("--model", self.model) as server:
            with open(self.file, "r+b") as file:
                file.seek(-1, os.SEEK_END)
                file.write(b"x")
            self.assertEqual(server.wait(), 1)
            self.assertIn("puna-packed.bin: was written to while it was mapped", server.log())

    def test_a_file_that_is_replaced_by_another_one_is_served_on(self):
        with Server("--model", self.model) as server:
            before = server.complete("Hello", max_tokens=8, temperature=0).json["choices"][0]["text"]
            other = self.write("other", "nothing")
            os.replace(other, self.file)
            self.assertEqual(server.complete("Hello", max_tokens=8, temperature=0).json["choices"][0]["text"], before)


class Container(unittest.TestCase):
    def test_a_second_signal_ends_its_first_process_at_once(self):
        command = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")
        if subprocess.run([*command, "true"], capture_output=True, check=False).returncode != 0:
            self.skipTest("skipped: no process may have a container of its own here")
        with ServerThatAnnounces(*SLOW_MODEL, announced=r"serving .* on http://[^ ]*:(\d+)", command=command) as server:
            server.port = int(re.search(r"serving .* on http://[^ ]*:(\d+)", server.log()).group(1))
            first = int(subprocess.run(["pgrep", "-P", str(server.process.pid)], capture_output=True, check=True).stdout)
            with server.open_stream("/v1/completions", LONG):
                server.wait_until(lambda: server.busy() == 1)
                os.kill(first, signal.SIGTERM)
                server.wait_for_log("stopping: ")
                os.kill(first, signal.SIGTERM)
                self.assertEqual(server.wait(), 128 + signal.SIGTERM)

    def test_a_file_that_reaches_the_allowed_size_is_no_end(self):
        with tempfile.TemporaryDirectory() as folder:
            command = ("sh", "-c", 'ulimit -f 1; exec "$@"', "sh")
            with ServerThatAnnounces("--kv-disk-path", os.path.join(folder, "kv"), announced=r"serving .* on http://[^ ]*:(\d+)",
                                     command=command) as server:
                server.port = int(re.search(r"serving .* on http://[^ ]*:(\d+)", server.log()).group(1))
                for _ in range(2):
                    self.assertEqual(server.complete("word " * 400, max_tokens=1).status, 200)

    def test_healthcheck_in_a_container_finds_the_server_that_runs_there(self):
        script = (f"{BINARY} serve --port {{port}} --threads 1 2>/dev/null & server=$!; "
                  f"until {BINARY} healthcheck; do kill -0 $server || exit 1; done")
        command = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c"]
        if subprocess.run([*command, "exit 0"], capture_output=True, check=False).returncode != 0:
            self.skipTest("skipped: no process may have a container of its own here")
        port = free_port()
        result = subprocess.run([*command, script.format(port=port)], env=clean_environment(), capture_output=True, text=True,
                                timeout=HANG_SECONDS, check=False)
        self.assertEqual((result.returncode, result.stdout.splitlines()[-1]), (0, f"healthy: 127.0.0.1:{port}"))


if __name__ == "__main__":
    unittest.main()
