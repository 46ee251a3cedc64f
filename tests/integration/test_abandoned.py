"""A client that leaves in the middle of a long prompt: its next try finds what was computed."""

import http.client
import json
import os
import re
import signal
import unittest

from puna import HANG_SECONDS, SLOW_MODEL, Server, TemporaryFolder

IDS = [30 + (i * i + i // 7) % 400 for i in range(2000)]
STEP = 128  # tokens: what may be lost is the step in which it leaves


class Abandoned(TemporaryFolder):
    def events(self, server):
        """What the engine shows, picture by picture."""
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=HANG_SECONDS)
        connection.request("GET", "/debug/engine")
        answer = connection.getresponse()
        try:
            while True:
                event = b""
                while not event.endswith(b"\n\n"):
                    event += answer.read(1)
                if event.startswith(b"data: "):
                    yield json.loads(event[6:])
        finally:
            connection.close()

    def give_up(self, server, path, body, at):
        before = next(self.events(server))["steps"]
        sock = server.open_stream(path, body)
        computed = 0
        for picture in self.events(server):
            # One that is older than the request shows another's.
            if picture["steps"] > before and picture["sequences"]:
                computed = picture["sequences"][0]["computed_tokens"]
            if computed >= at:
                break
        sock.close()
        server.wait_until(lambda: server.busy() == 0)
        return computed

    def serve(self, *more):
        return Server(*SLOW_MODEL, "--max-num-batched-tokens", str(STEP), "--max-model-len", "8000", *more)

    def check(self, server, path, body, computed):
        reply = server.post(path, body)
        self.assertEqual(reply.status, 200, reply.body)
        usage = reply.json["usage"]
        details = usage.get("prompt_tokens_details") or usage.get("input_tokens_details")
        cached = details["cached_tokens"] if details else usage["cache_read_input_tokens"]
        self.assertGreaterEqual(cached, computed - STEP)

    def test_whole_and_streamed_in_every_door(self):
        words = " ".join(f"word{i * 7919 % 1000}" for i in range(300))
        with self.serve() as server:
            doors = (("/v1/completions", {"prompt": IDS, "max_tokens": 1}),
                     ("/v1/completions", {"prompt": IDS[::-1], "max_tokens": 1, "stream": True}),
                     ("/v1/chat/completions", {"messages": [{"role": "user", "content": words}], "max_tokens": 1}),
                     ("/v1/responses", {"input": "r " + words, "max_output_tokens": 16, "stream": True}),
                     ("/v1/messages", {"model": "puna-demo", "max_tokens": 1,
                                       "messages": [{"role": "user", "content": "m " + words}]}))
            for path, body in doors:
                with self.subTest(path):
                    computed = self.give_up(server, path, body, 700)
                    self.check(server, path, {**body, "stream": False}, computed)

    def test_also_behind_a_kill(self):
        disk = ("--kv-disk-path", os.path.join(self.folder, "kv"), "--kv-disk-gib", "0.5")
        body = {"prompt": IDS, "max_tokens": 1}
        with self.serve(*disk) as server:
            computed = self.give_up(server, "/v1/completions", body, 1500)
            server.wait_until(lambda: self.written(server) >= (computed - STEP) // 16)
            server.process.send_signal(signal.SIGKILL)
            server.wait()
        with self.serve(*disk) as server:
            self.check(server, "/v1/completions", body, computed)

    def written(self, server):
        for line in server.get("/metrics").body.decode().splitlines():
            if line.startswith("puna_kv_disk_blocks "):
                return float(line.split()[1])
        return 0


if __name__ == "__main__":
    unittest.main()
