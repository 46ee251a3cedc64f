"""puna chat: in a pipe, on a terminal, with a server that runs and with one of its own."""

import http.server
import json
import os
import pty
import re
import select
import signal
import subprocess
import threading
import time
import unittest

from puna import BINARY, HANG_SECONDS, RUNNER, Server, SharedServer, TemporaryFolder, clean_environment, free_port

QUESTION = "What is the capital of France?"


class Terminal:
    """puna chat on a terminal of its own; what it writes is kept."""

    def __init__(self, folder, *arguments):
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            environment = clean_environment({"HOME": folder, "XDG_STATE_HOME": folder, "TERM": "xterm", "LANG": "C.UTF-8"})
            command = [*RUNNER, BINARY, "chat", *arguments]
            os.execvpe(command[0], command, environment)
        self.seen = ""

    def wait_for(self, pattern):
        """Reads until the pattern is there, and forgets what came up to its end."""
        deadline = time.monotonic() + HANG_SECONDS
        while True:
            match = re.search(pattern, self.seen)
            if match:
                self.seen = self.seen[match.end():]
                return match.group()
            assert time.monotonic() < deadline, self.seen
            try:
                self.seen += self.read(deadline).decode(errors="replace")
            except OSError:
                raise AssertionError(f"it ended before {pattern!r}: {self.seen!r}") from None

    def read(self, deadline):
        ready, _, _ = select.select([self.terminal], [], [], max(0, deadline - time.monotonic()))
        assert ready, f"nothing more came behind {self.seen!r}"
        return os.read(self.terminal, 4096)

    def type(self, text):
        os.write(self.terminal, text.encode())

    def end(self):
        """The exit status, behind Ctrl-D; at the prompt, for what is typed during an answer is the terminal's own to read."""
        deadline = time.monotonic() + HANG_SECONDS
        self.type("\x04")
        while True:
            try:
                if not self.read(deadline):
                    break
            except OSError:
                break
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.terminal)
        return status


def chat(*arguments, text="", env=None):
    return subprocess.run([*RUNNER, BINARY, "chat", *arguments], input=text, env=clean_environment(env), capture_output=True,
                          text=True, timeout=HANG_SECONDS, check=False)


class WithAServer(SharedServer, TemporaryFolder):
    def url(self):
        return f"http://127.0.0.1:{self.server.port}"

    def test_a_pipe_gets_the_answer_and_nothing_else(self):
        done = chat("--url", self.url(), "--temperature", "0", text=QUESTION)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "The capital of France is Paris.\n", ""))
        done = chat("--url", self.url() + "/v1/", "--temperature", "0", QUESTION)
        self.assertEqual(done.stdout, "The capital of France is Paris.\n")

    def test_the_question_stands_before_what_is_piped(self):
        before = self.server.get("/metrics").body
        done = chat("--url", self.url(), "--max-tokens", "1", "what is wrong?", text="line 1\nline 2\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("cut off", done.stderr)
        self.assertNotEqual(self.server.get("/metrics").body, before)

    def test_mistakes(self):
        self.assertIn("neither a message", chat("--url", self.url()).stderr)
        done = chat("--url", self.url(), "--model", "nobody", QUESTION)
        self.assertEqual(done.returncode, 1)
        self.assertIn("nobody", done.stderr)
        done = chat("--url", f"http://127.0.0.1:{free_port()}", QUESTION)
        self.assertEqual(done.returncode, 1)

    def test_a_conversation_with_commands(self):
        terminal = Terminal(self.folder, "--url", self.url(), "--temperature", "0")
        terminal.wait_for("puna-demo on http")
        terminal.wait_for(">>> ")
        terminal.type(QUESTION + "\r")
        terminal.wait_for("The capital of France is Paris.")
        terminal.wait_for(">>> ")
        terminal.type('/system Be brief.\r/system\r')
        terminal.wait_for("Be brief.\r\n")
        path = os.path.join(self.folder, "saved.md")
        terminal.type(f"/save {path}\r")
        terminal.wait_for("saved in ")
        terminal.wait_for(">>> ")
        terminal.type("rubbish that goes away\x03/nothing\r")
        terminal.wait_for("there is no /nothing")
        terminal.type("one \\\r")
        terminal.wait_for(r"\.\.\. ")
        terminal.type("two\r")
        terminal.wait_for(">>> ")
        self.assertEqual(terminal.end(), 0)
        with open(path, encoding="utf-8") as file:
            self.assertEqual(file.read(), f"## system\n\nBe brief.\n\n## user\n\n{QUESTION}\n\n## assistant\n\n"
                             "The capital of France is Paris.\n\n")
        with open(os.path.join(self.folder, "puna", "chat_history"), encoding="utf-8") as file:
            self.assertIn("capital", file.read())


class EndlessServer(http.server.ThreadingHTTPServer):
    """One model, whose answer to anything is a word and then nothing more until the client goes."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), EndlessAnswer)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.asked, self.left = threading.Event(), threading.Event()
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()


class EndlessAnswer(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def send(self, kind, body):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.send("application/json", json.dumps({"object": "list", "data": [{"id": "endless", "object": "model"}]}).encode())

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        piece = {"choices": [{"index": 0, "delta": {"content": "Once"}, "finish_reason": None}]}
        self.send("text/event-stream", f"data: {json.dumps(piece)}\n\n".encode())
        self.server.asked.set()
        self.connection.settimeout(HANG_SECONDS)
        if self.connection.recv(1) == b"":
            self.server.left.set()


class Stopped(TemporaryFolder, unittest.TestCase):
    def setUp(self):
        super().setUp()
        self.server = EndlessServer()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)

    def test_ctrl_c_stops_the_answer_and_not_the_chat(self):
        terminal = Terminal(self.folder, "--url", self.server.url)
        terminal.wait_for(">>> ")
        terminal.type(QUESTION + "\r")
        terminal.wait_for("Once")
        terminal.type("\x03")
        terminal.wait_for(r"\(stopped\)")
        terminal.wait_for(">>> ")
        self.assertTrue(self.server.left.wait(HANG_SECONDS))
        self.assertEqual(terminal.end(), 0)

    def test_ctrl_c_in_a_pipe(self):
        process = subprocess.Popen([*RUNNER, BINARY, "chat", "--url", self.server.url, QUESTION], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment(), text=True)
        self.assertTrue(self.server.asked.wait(HANG_SECONDS))
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=HANG_SECONDS)
        self.assertEqual(process.returncode, 130)
        self.assertIn("(stopped)", errors)
        self.assertIn(out, ("\n", "Once\n"))
        self.assertTrue(self.server.left.wait(HANG_SECONDS))


class OwnServer(TemporaryFolder):
    def test_a_server_of_its_own_ends_with_it(self):
        model = os.path.join(os.path.dirname(BINARY), "..", "..", "engine", "demo", "model")
        terminal = Terminal(self.folder, "--model", model, "--temperature", "0")
        port = re.search(r":(\d+)", terminal.wait_for(r"on http://127.0.0.1:\d+")).group(1)
        terminal.wait_for(">>> ")
        terminal.type(QUESTION + "\r")
        terminal.wait_for("Paris.")
        terminal.wait_for(">>> ")
        self.assertEqual(terminal.end(), 0)
        self.assertIn("Could not establish", chat("--url", f"http://127.0.0.1:{port}", QUESTION).stderr)

    def test_it_is_found_however_little_is_logged(self):
        model = os.path.join(os.path.dirname(BINARY), "..", "..", "engine", "demo", "model")
        done = chat("--model", model, "--temperature", "0", QUESTION, env={"PUNA_LOG_LEVEL": "warn"})
        self.assertEqual((done.returncode, done.stdout), (0, "The capital of France is Paris.\n"), done.stderr)

    def test_one_that_cannot_start_says_why(self):
        done = chat("--model", "no/such", QUESTION)
        self.assertEqual(done.returncode, 1)
        self.assertIn("did you mean hf:no/such?", done.stderr)
        self.assertIn("did not start", done.stderr)
