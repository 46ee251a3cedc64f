"""What stands between a command-line client and the server in tests of whole turns: it holds the demo model, by tool_choice and
grammars, to what it shall write."""

import http.server
import json
import subprocess
import threading

from puna import HANG_SECONDS, clean_environment


class Script(http.server.ThreadingHTTPServer):
    """Hands requests on to the server, those with a body changed as `change` has it, and keeps what was said."""

    def __init__(self, server, change):
        super().__init__(("127.0.0.1", 0), Handler)
        self.server, self.change, self.turns, self.lines = server, change, [], []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def __exit__(self, *more):
        self.shutdown()
        super().__exit__(*more)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.answer(self.server.server.request("HEAD", self.path))

    def do_GET(self):
        upgrade = self.headers.get("Upgrade")
        self.answer(self.server.server.get(self.path, headers={"Upgrade": upgrade} if upgrade else {}))

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.change(body)
        reply = self.server.server.post(self.path, body)
        self.server.turns.append((body, reply))
        self.answer(reply)

    def answer(self, reply):
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.headers.get("content-type", "text/plain"))
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    def log_message(self, *_):
        self.server.lines.append(self.requestline)


def run_client(command, folder, environment):
    """Runs it to its end, in that folder, with nothing but that of its own."""
    return subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, env=clean_environment(environment), capture_output=True,
                          text=True, timeout=HANG_SECONDS, check=False)
