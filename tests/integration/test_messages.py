"""Anthropic's door from outside: its errors everywhere, its headers, what Claude Code sends, and what a client that left finds
again."""

import json
import os
import shutil
import unittest

from puna import SOURCE, Server, SharedServer, TemporaryFolder, read_until

MESSAGES = "/v1/messages"
HI = {"model": "puna-demo", "max_tokens": 4, "temperature": 0, "messages": [{"role": "user", "content": "Hi"}]}


def recorded(name):
    """The requests that a real client sent, or None where they are not."""
    shared = os.environ.get("PUNA_SHARED", os.path.join(SOURCE, "..", "shared"))
    path = os.path.join(shared, "facts", "recorded", name)
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def events(reply):
    """Names and payloads; the framing must be exact."""
    found = []
    for event in reply.body.decode().removesuffix("\n\n").split("\n\n"):
        name, data = event.split("\n")
        payload = json.loads(data.removeprefix("data: "))
        assert name == "event: " + payload["type"], event
        found.append(payload)
    return found


class Messages(SharedServer):
    arguments = ("--max-model-len", "512", "--max-body-mib", "1")

    def check(self, reply, status, kind, retry=False):
        self.assertEqual(reply.status, status, reply.body[:500])
        self.assertEqual(list(reply.json), ["type", "error", "request_id"])
        self.assertEqual((reply.json["type"], reply.error["type"]), ("error", kind))
        self.assertTrue(reply.error["message"])
        self.assertEqual(reply.json["request_id"], reply.headers["request-id"])
        self.assertEqual(reply.headers.get("x-should-retry"), None if retry else "false")

    def tearDown(self):
        self.assertEqual(self.server.post(MESSAGES, HI).status, 200)

    def test_errors(self):
        for body in (b"", b"{", b"[]", b'{"model": "a", "model": "b"}', b"\xff", b'{"messages":' + b"[" * 100_000):
            self.check(self.server.post(MESSAGES, body), 400, "invalid_request_error")
        for field, value in (("max_tokens", None), ("max_tokens", -1), ("messages", []), ("messages", "Hi"), ("temperature", 2),
                             ("stop_sequences", [""]), ("tools", [{"name": "x"}]), ("tool_choice", {"type": "any"}),
                             ("messages", [{"role": "user", "content": [{"type": "image", "source": {}}]}])):
            with self.subTest(field=field, value=value):
                reply = self.server.post(MESSAGES, {**HI, field: value})
                self.check(reply, 400, "invalid_request_error")
                self.assertIn(field, reply.error["message"])
        self.check(self.server.post(MESSAGES, {**HI, "model": "claude"}), 404, "not_found_error")
        self.check(self.server.get(MESSAGES), 405, "invalid_request_error")
        self.check(self.server.post(MESSAGES + "/batches", {}), 404, "not_found_error")
        self.check(self.server.post(MESSAGES, b" " * (3 << 20)), 413, "request_too_large")
        self.check(self.server.post(MESSAGES, b"{}", headers={"Content-Type": "text/plain"}), 415, "invalid_request_error")
        self.check(self.server.post(MESSAGES, HI, headers={"Host": "rebound.example"}), 403, "permission_error")
        self.check(self.server.get("/v1/models/x", headers={"anthropic-version": "2023-06-01"}), 404, "not_found_error")
        long = {**HI, "messages": [{"role": "user", "content": "word " * 2000}]}
        self.assertRegex(self.server.post(MESSAGES, long).error["message"], r"^prompt is too long: \d+ tokens > 511 maximum$")

    def test_headers_and_query(self):
        headers = {"anthropic-version": "2026-10-21", "anthropic-beta": "a-2025-01-01,b", "x-api-key": "anything"}
        reply = self.server.post(MESSAGES + "?beta=true", HI, headers=headers)
        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.headers["request-id"], reply.headers["x-request-id"])
        self.assertEqual(self.server.request("HEAD", "/api/hello").status, 404)

    def test_events(self):
        reply = self.server.post(MESSAGES, {**HI, "stream": True})
        self.assertEqual(reply.headers["content-type"], "text/event-stream; charset=utf-8")
        kinds = [event["type"] for event in events(reply)]
        self.assertEqual(kinds[:4], ["message_start", "ping", "content_block_start", "content_block_delta"])
        self.assertEqual(kinds[-3:], ["content_block_stop", "message_delta", "message_stop"])
        self.assertEqual(set(kinds[4:-3]), {"content_block_delta"})

    def test_one_body_lists_the_models_for_all(self):
        listed = self.server.get("/v1/models").json
        self.assertEqual((listed["first_id"], listed["last_id"], listed["has_more"]), ("puna-demo", "puna-demo", False))
        self.assertEqual((listed["data"][0]["type"], listed["data"][0]["max_input_tokens"]), ("model", 512))


class Keys(SharedServer):
    arguments = ("--api-key", "first,second")

    def test_either_header_will_do(self):
        for status, headers in ((401, {}), (401, {"x-api-key": "third"}), (401, {"Authorization": "Bearer third"}),
                                (200, {"x-api-key": "second"}), (200, {"Authorization": "Bearer first"}),
                                (200, {"x-api-key": "first", "Authorization": "Bearer of-another"})):
            with self.subTest(headers=headers):
                reply = self.server.post(MESSAGES, HI, headers=headers)
                self.assertEqual(reply.status, status)
                if status == 401:
                    self.assertEqual(reply.error["type"], "authentication_error")
                    self.assertEqual(reply.headers["x-should-retry"], "false")


class Recorded(TemporaryFolder):
    """The demo model with a longer context: its rope reaches further than it was trained for, which is enough for form."""

    def setUp(self):
        super().setUp()
        demo = os.path.join(SOURCE, "engine", "demo", "model")
        for name in os.listdir(demo):
            shutil.copy(os.path.join(demo, name), self.folder)
        with open(os.path.join(demo, "config.json"), encoding="utf-8") as file:
            config = json.load(file)
        self.write("config.json", json.dumps({**config, "max_position_embeddings": 65536}))
        self.server = Server("--model", self.folder, "--max-model-len", "65536", "--served-model-name", "llama-3.2-3b")
        self.addCleanup(self.server.__exit__)

    def replay(self, request, **changes):
        body = {**request["body"], **changes}
        reply = self.server.request(request["method"], request["path"], body)
        self.assertEqual(reply.status, 200, reply.body[:500])
        self.assertLessEqual(len(reply.headers.get("x-puna-warnings", "").split(";")), 3)
        return reply

    def usage(self, reply):
        return events(reply)[-2]["usage"]

    def test_claude_code(self):
        for name in ("claude-code-bare.json", "claude-code.json"):
            requests = recorded(name)
            if requests is None:
                self.skipTest("the recorded requests are not here")
            turns = [r for r in requests if r["path"].startswith(MESSAGES) and (r["body"] or {}).get("tools")
                     and "count_tokens" not in r["path"]]
            counts = [r for r in requests if "count_tokens" in r["path"]]
            for count in counts:
                self.assertGreater(self.replay(count).json["input_tokens"], 0)
            uses = [self.usage(self.replay(turn, max_tokens=1, stream=True)) for turn in turns]
            if len(uses) < 2:
                continue
            prompt = uses[0]["input_tokens"] + uses[0]["cache_read_input_tokens"]
            self.assertGreater(uses[1]["cache_read_input_tokens"], 0.95 * prompt)
            # Another conversation: the digits of the first system block are others.
            changed = json.loads(json.dumps(turns[0]))
            header = changed["body"]["system"][0]
            self.assertTrue(header["text"].startswith("x-anthropic-billing-header:"))
            header["text"] = header["text"].replace("cc_version=", "cc_version=9")
            again = self.usage(self.replay(changed, max_tokens=1, stream=True))
            self.assertGreater(again["cache_read_input_tokens"], 0.95 * prompt)

    def test_what_a_client_that_left_had_computed_is_found(self):
        body = {**HI, "model": "llama-3.2-3b", "stream": True, "system": "Some rules that are long. " * 600, "max_tokens": 1}
        sock = self.server.open_stream(MESSAGES, body)
        read_until(sock, b"message_start")
        self.server.wait_until(lambda: self.server.get("/health").json["running"] > 0)
        sock.close()
        self.server.wait_until(lambda: self.server.busy() == 0)
        used = self.usage(self.server.post(MESSAGES, body))
        print("found again:", used["cache_read_input_tokens"], "of", used["cache_read_input_tokens"] + used["input_tokens"])
        self.assertGreater(used["cache_read_input_tokens"], 0)


if __name__ == "__main__":
    unittest.main()
