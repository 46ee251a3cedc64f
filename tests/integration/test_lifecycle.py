"""Clients that leave, full queues, signals, and starts that fail."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import unittest

from puna import (BINARY, HANG_SECONDS, LONG, SLOW_MODEL, SharedServer, Server, TemporaryFolder, clean_environment, read_until,
                  run)
from test_operation import metrics


class Leaving(SharedServer):
    arguments = ("--max-num-seqs", "4", *SLOW_MODEL)  # slow: clients leave in the middle of the text

    def check_freed(self, sock, needle=b"data: "):
        if needle:
            read_until(sock, needle)
        self.server.wait_until(lambda: self.server.busy() > 0)
        finished = metrics(self.server)['puna_request_success_total{finished_reason="length"}']
        sock.close()
        self.server.wait_until(lambda: self.server.busy() == 0)
        self.assertEqual(metrics(self.server)['puna_request_success_total{finished_reason="length"}'], finished)

    def test_in_a_stream(self):
        self.check_freed(self.server.open_stream("/v1/completions", {**LONG, "stream": True}))

    def test_in_a_stream_of_several_choices(self):
        self.check_freed(self.server.open_stream("/v1/completions", {**LONG, "stream": True, "n": 4}))

    def test_while_an_answer_is_made_whole(self):
        self.check_freed(self.server.open_stream("/v1/completions", LONG), needle=None)

    def test_while_waiting_in_line(self):
        running = [self.server.open_stream("/v1/completions", {**LONG, "stream": True}) for _ in range(4)]
        for sock in running:
            read_until(sock, b"data: ")
        waiting = self.server.open_stream("/v1/completions", {**LONG, "stream": True})
        self.server.wait_until(lambda: self.server.get("/health").json["waiting"] == 1)
        waiting.close()
        self.server.wait_until(lambda: self.server.get("/health").json["waiting"] == 0)
        self.assertEqual(self.server.get("/health").json["running"], 4)
        for sock in running:
            sock.close()
        self.server.wait_until(lambda: self.server.busy() == 0)

    def test_nothing_is_left_behind(self):
        folder = f"/proc/{self.server.process.pid}/fd"
        self.server.chat("Hi", max_tokens=1)
        before = len(os.listdir(folder))
        for _ in range(20):
            sock = self.server.open_stream("/v1/completions", {**LONG, "stream": True})
            read_until(sock, b"data: ")
            sock.close()
        self.server.wait_until(lambda: self.server.busy() == 0)
        self.server.wait_until(lambda: len(os.listdir(folder)) <= before)
        self.assertEqual(self.server.chat("Hi", max_tokens=1).status, 200)


class Full(unittest.TestCase):
    def test_a_full_queue_says_when_to_come_again(self):
        with Server("--max-num-seqs", "1", "--max-waiting", "0", *SLOW_MODEL) as server:
            sock = server.open_stream("/v1/completions", {**LONG, "stream": True})
            read_until(sock, b"data: ")
            reply = server.chat("Hi")
            self.assertEqual(reply.status, 429)
            self.assertGreaterEqual(int(reply.headers["retry-after"]), 1)
            self.assertEqual(reply.error["type"], "rate_limit_error")
            self.assertEqual(server.get("/health").status, 200)
            sock.close()
            server.wait_until(lambda: server.busy() == 0)
            self.assertEqual(server.chat("Hi", max_tokens=1).status, 200)

    def test_each_door_gives_its_own_sign_of_life_while_a_request_waits(self):
        messages = [{"role": "user", "content": "Hi"}]
        doors = {
            "/v1/completions": ({"prompt": "Hi", "max_tokens": 2}, b": keep-alive\n\n", b"data: [DONE]\n\n"),
            "/v1/chat/completions": ({"messages": messages, "max_tokens": 2}, b": keep-alive\n\n", b"data: [DONE]\n\n"),
            # Of the protocol's own, since Codex counts no comment; the second is the sign, behind the one at the beginning.
            "/v1/responses": ({"input": "Hi", "max_output_tokens": 16}, b"event: response.in_progress\n",
                              b"event: response.output_item.done\n"),
            "/v1/messages": ({"model": "puna-demo", "messages": messages, "max_tokens": 2}, b"event: ping\n",
                             b"event: message_stop\n"),
            "/api/chat": ({"model": "puna-demo", "messages": messages, "options": {"num_predict": 2}}, b'"content":""',
                          b'"done":true'),
        }
        begins_with_one = ("/v1/responses", "/v1/messages")
        with Server("--max-num-seqs", "1", "--keep-alive-comment-s", "1", *SLOW_MODEL) as server:
            first = server.open_stream("/v1/completions", {**LONG, "stream": True})
            read_until(first, b"data: ")
            waiting = {}
            for door, (body, sign, _) in doors.items():
                waiting[door] = sock = server.open_stream(door, {**body, "stream": True})
                received = read_until(sock, sign)
                while received.count(sign) < 2 + (door in begins_with_one):
                    received += read_until(sock, sign)
                self.assertEqual(b": keep-alive" in received, sign == b": keep-alive\n\n", received)
            first.close()
            for door, (_, _, end) in doors.items():
                with self.subTest(door=door):
                    read_until(waiting[door], end)
                    waiting[door].close()

    def test_a_request_may_have_a_time_limit(self):
        with Server("--request-timeout-s", "1", *SLOW_MODEL, "--max-num-batched-tokens", "16") as server:
            sockets = [server.open_stream("/v1/completions", {**LONG, "stream": True}) for _ in range(15)]
            reply = server.complete(LONG["prompt"], **{k: v for k, v in LONG.items() if k != "prompt"})
            self.assertEqual(reply.status, 504)
            self.assertEqual(reply.error["code"], "request_timeout")
            self.assertIn(b'"request_timeout"', read_until(sockets[0], b"0\r\n\r\n"))
            for sock in sockets:
                sock.close()


class Signals(unittest.TestCase):
    def drain(self, server, streams, end_signal):
        """Sends the signal while streams run; gives what each of them received in all."""
        sockets = [server.open_stream("/v1/completions", body) for body in streams]
        begun = [read_until(sock, b"data: ") for sock in sockets]
        server.process.send_signal(end_signal)
        server.wait_for_log("stopping")
        whole = []
        for sock, head in zip(sockets, begun):
            received = head
            while part := sock.recv(65536):
                received += part
            whole.append(received)
            sock.close()
        return whole

    def test_what_runs_is_finished(self):
        for end_signal in (signal.SIGTERM, signal.SIGINT):
            with Server("--no-speculation", "--drain-timeout-s", str(HANG_SECONDS)) as server:
                body = {**LONG, "max_tokens": 400, "stream": True}
                for received in self.drain(server, [body] * 4, end_signal):
                    end = received[-600:].decode()
                    self.assertIn("data: [DONE]\n\n", end)
                    self.assertIn('"finish_reason":"length"', end)
                self.assertEqual(server.wait(), 0)

    def test_the_wait_is_bounded(self):
        with Server(*SLOW_MODEL, "--drain-timeout-s", "0") as server:
            received, = self.drain(server, [{**LONG, "stream": True}], signal.SIGTERM)
            end = received[-600:].decode()
            self.assertIn('"shutting_down"', end)
            self.assertNotIn("[DONE]", end)
            self.assertEqual(server.wait(), 0)

    def test_nothing_new_is_taken(self):
        with Server(*SLOW_MODEL, "--drain-timeout-s", str(HANG_SECONDS)) as server:
            sock = server.open_stream("/v1/completions", {**LONG, "stream": True})
            read_until(sock, b"data: ")
            server.process.send_signal(signal.SIGTERM)
            server.wait_for_log("stopping")

            def refused():
                try:
                    with socket.create_connection(("127.0.0.1", server.port), timeout=1):
                        return False
                except OSError:
                    return True
            server.wait_until(refused)
            sock.close()
            self.assertEqual(server.wait(), 0)

    def test_idle_and_half_open_connections_do_not_hold_it(self):
        with Server() as server:
            idle = server.connect()
            idle.request("GET", "/health")
            idle.getresponse().read()
            half = socket.create_connection(("127.0.0.1", server.port))
            half.sendall(b"POST /v1/completions HTTP/1.1\r\nContent-Le")
            server.process.send_signal(signal.SIGTERM)
            self.assertEqual(server.wait(), 0)
            idle.close()
            half.close()


class Starting(TemporaryFolder):
    def failure(self, *arguments, env=None):
        """The one line that a start which fails prints, and its exit status."""
        result = run(*arguments, env=env)
        lines = [line for line in result.stderr.splitlines() if line.startswith("puna: ")]
        self.assertEqual(len(lines), 1, result.stderr)
        return result.returncode, lines[0]

    def test_a_port_that_is_taken(self):
        with Server() as server:
            status, line = self.failure("serve", "--port", str(server.port))
            self.assertEqual(status, 1)
            self.assertIn(f"127.0.0.1:{server.port}: Address already in use", line)

    def test_wrong_options(self):
        for arguments, env, words in (
                (("serve", "--prot", "1"), {}, "did you mean --port?"),
                (("serve", "--port", "x"), {}, "expected a whole number from 0 to 65535"),
                (("serve",), {"PUNA_MAX_NUM_SEQS": "0"}, "environment PUNA_MAX_NUM_SEQS"),
                (("serve", "--config", self.write("c.json", '{"max_seqs": 1}')), {}, 'unknown key "max_seqs"'),
                (("sevre",), {}, "unknown command"),
                (("bench", "x"), {}, 'there is no part "x" (puna bench --help lists them)'),
                (("bench", "pcae"), {}, "did you mean pace?")):
            status, line = self.failure(*arguments, env=env)
            self.assertEqual(status, 2)
            self.assertIn(words, line)

    def test_models_that_cannot_be_loaded(self):
        self.write("config.json", "{}")
        for model, words in (("/no/such/folder", "/no/such/folder"), (self.folder, self.folder), ("random:gpt", "random:")):
            status, line = self.failure("serve", "--port", "0", "--model", model)
            self.assertEqual(status, 1)
            self.assertIn(words, line)

    def test_sources_of_options(self):
        key_file = self.write("keys", "secret\n")
        config = self.write("c.json", '{"served_model_name": "from-file", "max_model_len": 300}')
        with Server("--config", config, env={"PUNA_MAX_MODEL_LEN": "200", "PUNA_API_KEY_FILE": key_file}) as server:
            reply = server.get("/v1/models", headers={"Authorization": "Bearer secret"})
            model, = reply.json["data"]
            self.assertEqual((model["id"], model["max_model_len"]), ("from-file", 200))
            self.assertEqual(server.get("/v1/models").status, 401)

    def test_warnings(self):
        with Server("--host", "0.0.0.0", env={"PUNA_MAX_NUM_SEQ": "3"}) as server:
            self.assertIn("without an API key", server.log())
            self.assertIn("did you mean PUNA_MAX_NUM_SEQS?", server.log())

    def test_json_log(self):
        with Server("--log-format", "json") as server:
            server.get("/v1/models")
            server.wait_for_log("/v1/models")
            events = [json.loads(line) for line in server.log().splitlines()]
            self.assertTrue(any(e["event"].get("path") == "/v1/models" for e in events))
            self.assertTrue(all(e["level"] in ("info", "warning") for e in events))


class Reload(TemporaryFolder):
    def test_keys_are_read_again(self):
        path = os.path.join(self.folder, "keys")

        def write(text):
            with open(path, "w", encoding="ascii") as file:
                file.write(text)

        write("old\n")
        with Server("--api-key-file", path, *SLOW_MODEL) as server:
            status = lambda key: server.get("/v1/models", headers={"Authorization": f"Bearer {key}"}).status
            self.assertEqual((status("old"), status("new")), (200, 401))
            running = server.connect()
            running.request("POST", "/v1/completions", json.dumps({"prompt": "Hi", "max_tokens": 200, "ignore_eos": True}),
                            {"Content-Type": "application/json", "Authorization": "Bearer old"})
            server.wait_until(lambda: server.get("/health").json["running"] == 1)
            write("new\n")
            for _ in range(1000):  # a stream of signals
                server.process.send_signal(signal.SIGHUP)
            server.wait_for_log("read again: keys")
            server.wait_until(lambda: (status("old"), status("new")) == (401, 200))
            self.assertEqual(running.getresponse().status, 200)
            running.close()
            os.remove(path)
            server.process.send_signal(signal.SIGHUP)
            server.wait_for_log("nothing is changed")
            self.assertEqual(status("new"), 200)


class StalledLog(unittest.TestCase):
    """Nobody reads standard error any more."""

    def test_requests_are_answered_and_the_end_comes(self):
        server = Server.__new__(Server)  # without the thread that reads the log
        process = subprocess.Popen([BINARY, "serve", "--port", "0", "--threads", "1"], env=clean_environment(),
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            for line in process.stderr:
                found = re.search(r"serving .* on http://[^ ]*:(\d+)", line)
                if found:
                    server.port = int(found.group(1))
                    break
            path = "/" + "x" * 7000  # each fills a tenth of the pipe
            connection = server.connect()
            while metrics(server)["puna_log_lines_dropped_total"] == 0:
                for _ in range(50):
                    self.assertEqual(server.get(path, connection=connection).status, 404)
            self.assertEqual(server.chat("Hi", max_tokens=1).status, 200)
            connection.close()
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(HANG_SECONDS), 0)
        finally:
            process.kill()
            process.wait()
            process.stderr.close()


class Tls(TemporaryFolder):
    def make_certificate(self):
        cert, key = os.path.join(self.folder, "cert.pem"), os.path.join(self.folder, "key.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=localhost"], check=True, capture_output=True)
        return cert, key

    @unittest.skipUnless(shutil.which("openssl"), "skipped: there is no openssl to make a certificate")
    def test_who_leaves_is_noticed(self):
        cert, key = self.make_certificate()
        with Server("--tls-cert-file", cert, "--tls-key-file", key, *SLOW_MODEL) as server:
            context = ssl.create_default_context(cafile=cert)
            context.check_hostname = False
            monitor = http.client.HTTPSConnection("127.0.0.1", server.port, context=context, timeout=HANG_SECONDS)
            health = lambda: server.get("/health", connection=monitor).json
            for body in (LONG, {**LONG, "stream": True}):
                for goodbye in (True, False):
                    connection = http.client.HTTPSConnection("127.0.0.1", server.port, context=context, timeout=HANG_SECONDS)
                    connection.request("POST", "/v1/completions", json.dumps(body), {"Content-Type": "application/json"})
                    server.wait_until(lambda: health()["running"] == 1)
                    if goodbye:  # close_notify, and the connection stays open
                        connection.sock.setblocking(False)
                        try:
                            connection.sock.unwrap()
                        except OSError:
                            pass
                    else:
                        connection.sock.close()
                    server.wait_until(lambda: health()["running"] == 0)
                    connection.close()
            monitor.close()

    @unittest.skipUnless(shutil.which("openssl"), "skipped: there is no openssl to make a certificate")
    def test_https(self):
        cert, key = self.make_certificate()
        options = ("--tls-cert-file", cert, "--tls-key-file", key)
        with Server(*options) as server:
            self.assertIn("https://127.0.0.1", server.log())
            context = ssl.create_default_context(cafile=cert)
            context.check_hostname = False
            connection = http.client.HTTPSConnection("127.0.0.1", server.port, context=context, timeout=HANG_SECONDS)
            body = {"prompt": "Hello", "max_tokens": 3, "stream": True}
            for _ in range(2):
                reply = server.post("/v1/completions", body, connection=connection)
                self.assertEqual(reply.status, 200)
                self.assertEqual(reply.events()[-1], "[DONE]")
            connection.close()
            self.assertEqual(run("healthcheck", "--port", str(server.port), *options).returncode, 0)
            self.assertEqual(run("healthcheck", "--port", str(server.port)).returncode, 1)
        status, line = Starting.failure(self, "serve", "--port", "0", "--tls-cert-file", key, "--tls-key-file", cert)
        self.assertEqual(status, 1)
        self.assertIn("cannot use the certificate", line)


class Commands(unittest.TestCase):
    def test_healthcheck(self):
        with Server() as server:
            result = run("healthcheck", env={"PUNA_PORT": str(server.port)})
            self.assertEqual((result.returncode, result.stdout), (0, f"healthy: 127.0.0.1:{server.port}\n"))
        result = run("healthcheck", "--port", str(server.port))
        self.assertEqual(result.returncode, 1)
        self.assertEqual(len(result.stdout.splitlines()), 1)

    def test_help_and_version(self):
        for arguments in (("--help",), ("help",), ("-h",)):
            self.assertIn("puna serve", run(*arguments).stdout)
        self.assertRegex(run("version").stdout, r"^puna \d+\.\d+\.\d+\n$")
        help_text = run("serve", "--help").stdout
        self.assertIn("--max-num-seqs", help_text)
        self.assertIn("| `--port` | `PUNA_PORT` | `port` |", run("serve", "--help-markdown").stdout)
        self.assertTrue(all(len(line) <= 130 for line in help_text.splitlines()))

    def test_what_lets_nobody_in_needs_no_keys(self):
        env = {"PUNA_API_KEY_FILE": "/no/such/file", "PUNA_KEYS_FILE": "/no/such/file"}
        self.assertIn("cannot read the file /no/such/file", run("serve", "--port", "0", env=env).stderr)
        plan = run("plan", env=env)
        self.assertEqual((plan.returncode, plan.stderr), (0, ""))
        for arguments, words in ((("cache", "list"), "kv_disk_path is missing"), (("healthcheck", "--port", "1"), ""),
                                 (("show", "hf:org/none"), "is not on this machine")):
            self.assertNotIn("/no/such/file", run(*arguments, env=env).stderr)
            self.assertIn(words, run(*arguments, env=env).stderr)

    def test_flags_without_a_command_serve(self):
        process = subprocess.Popen([BINARY, "--port", "0"], env=clean_environment(), stderr=subprocess.PIPE, text=True)
        watchdog = threading.Timer(HANG_SECONDS, process.kill)
        watchdog.start()
        self.assertTrue(any("serving puna-demo" in line for line in process.stderr))
        process.terminate()
        process.communicate()
        watchdog.cancel()
        self.assertEqual(process.returncode, 0)


if __name__ == "__main__":
    unittest.main()
