"""Requests that are not in order: a quick 4xx with OpenAI's error object, and the next request works."""

import gzip
import json
import unittest
import zlib

from puna import SharedServer

CHAT = "/v1/chat/completions"
MESSAGES = [{"role": "user", "content": "Hi"}]


class Errors(SharedServer):
    arguments = ("--max-body-mib", "1", "--max-model-len", "512")

    def check(self, reply, status, code, param=None):
        self.assertEqual(reply.status, status, reply.body[:500])
        error = reply.error
        self.assertEqual(sorted(error), ["code", "message", "param", "type"])
        self.assertEqual((error["code"], error["param"]), (code, param), error)
        self.assertTrue(error["message"])
        self.assertEqual(reply.headers["content-type"], "application/json")
        self.assertIn("x-request-id", reply.headers)

    def tearDown(self):
        self.assertEqual(self.server.chat("Hi", max_tokens=1).status, 200)

    def test_bad_json(self):
        deep = b'{"messages":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
        for body in (b"", b"{", b"[]", b"null", b"{} x", b'{"messages": NaN}', b'{"n": Infinity}',
                     b'{"model": "a", "model": "b"}', b'{"user": "\xff\xfe"}', b"\xef\xbb\xbf{}", deep):
            with self.subTest(body=body[:40]):
                self.check(self.server.post(CHAT, body), 400, "invalid_json")

    def test_fields(self):
        for field, value, code, param in (
                ("messages", "Hi", "invalid_type", "messages"),
                ("messages", [{"role": "user"}], None, None),
                ("temperature", "hot", "invalid_type", "temperature"),
                ("temperature", 3, None, "temperature"),
                ("top_p", -1, None, "top_p"),
                ("n", 0, None, "n"),
                ("n", 100000, None, "n"),
                ("max_tokens", -5, None, "max_tokens"),
                ("stop", [1], None, None),
                ("logit_bias", {"99999999": 1}, "invalid_value", "logit_bias"),
                ("stop_token_ids", [99999999], "invalid_value", "stop_token_ids"),
                ("top_logprobs", 21, None, "top_logprobs"),
                ("response_format", {"type": "yaml"}, None, None)):
            with self.subTest(field=field, value=value):
                reply = self.server.post(CHAT, {"messages": MESSAGES, "logprobs": True, field: value})
                self.assertEqual(reply.status, 400, reply.body)
                if code:
                    self.assertEqual(reply.error["code"], code)
                if param:
                    self.assertEqual(reply.error["param"], param)
        self.check(self.server.post(CHAT, {}), 400, "missing_required_parameter", "messages")

    def test_model(self):
        self.check(self.server.chat("Hi", model="gpt-4"), 404, "model_not_found", "model")
        self.assertEqual(self.server.chat("Hi", model="", max_tokens=1).status, 200)

    def test_too_long(self):
        self.check(self.server.chat("word " * 2000), 400, "context_length_exceeded", "messages")
        self.check(self.server.complete([1] * 512), 400, "context_length_exceeded", "prompt")
        self.assertEqual(self.server.complete([1] * 511, max_tokens=1).status, 200)
        self.assertEqual(self.server.complete([1] * 512, max_tokens=0, echo=True).status, 200)
        self.assertEqual(self.server.complete([99999999]).status, 400)

    def test_paths_and_methods(self):
        self.check(self.server.get("/v1/nothing"), 404, "unknown_url")
        self.check(self.server.post("/v2/chat/completions", {}), 404, "unknown_url")
        for method in ("GET", "PUT", "DELETE", "PATCH"):
            reply = self.server.request(method, CHAT)
            self.check(reply, 405, "method_not_allowed")
            self.assertEqual(reply.headers["allow"], "POST, OPTIONS")
        self.assertEqual(self.server.request("OPTIONS", CHAT).status, 204)
        self.assertEqual(self.server.request("HEAD", "/health").status, 200)

    def test_content_types(self):
        body = json.dumps({"messages": MESSAGES, "max_tokens": 1}).encode()
        for kind in ("application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x"):
            self.check(self.server.post(CHAT, body, headers={"Content-Type": kind}), 415, "unsupported_content_type")
        for kind in ("application/json; charset=utf-8", "Application/JSON", None):
            self.assertEqual(self.server.post(CHAT, body, headers={"Content-Type": kind}).status, 200)

    def test_compressed_bodies(self):
        body = json.dumps({"messages": MESSAGES, "max_tokens": 1}).encode()
        for coding, packed in (("gzip", gzip.compress(body)), ("deflate", zlib.compress(body)), ("identity", body),
                               ("gzip, deflate", zlib.compress(gzip.compress(body)))):
            self.assertEqual(self.server.post(CHAT, packed, headers={"Content-Encoding": coding}).status, 200, coding)
        for status, coding, packed in ((415, "compress", body), (400, "gzip", body), (400, "br", body), (400, "zstd", body),
                                       (413, "gzip", gzip.compress(b" " * (33 << 20)))):
            reply = self.server.post(CHAT, packed, headers={"Content-Encoding": coding})
            self.assertEqual(reply.status, status, coding)
            self.assertIn("Content-Encoding", reply.error["message"])
        self.assertEqual(self.server.post(CHAT, body, headers={"Content-Encoding": "lzma"}).headers["accept-encoding"],
                         "gzip, deflate, br, zstd")

    def test_large_bodies(self):
        connection = self.server.connect()
        reply = self.server.post(CHAT, b" " * (50 << 20), connection=connection)
        self.check(reply, 413, "payload_too_large")
        # The same connection goes on.
        reply = self.server.post(CHAT, {"messages": MESSAGES, "max_tokens": 1}, connection=connection)
        self.assertEqual(reply.status, 200)
        connection.close()

    def test_what_is_no_http(self):
        for data in (b"\r\n\r\n", b"HELO\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /" + b"x" * 20000 + b" HTTP/1.1\r\n\r\n",
                     b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
                     b"POST " + CHAT.encode() + b" HTTP/1.1\r\nContent-Length: 99\r\n\r\n"):
            answer = self.server.raw(data)
            self.assertTrue(answer == b"" or answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 505")), answer[:200])


    def test_other_sites_pages_find_no_way_in(self):
        body = json.dumps({"prompt": "Hi", "max_tokens": 1}).encode()
        for status, headers in ((200, {"Host": "localhost:1"}), (403, {"Host": "rebound.example"}), (403, {"Origin": "null"}),
                                (403, {"Origin": "http://localhost:1"}), (415, {"Content-Type": "text/plain"}),
                                (415, {"Content-Type": None, "Sec-Fetch-Site": "cross-site"})):
            reply = self.server.request("POST", "/v1/completions", body, headers=headers)
            self.assertEqual(reply.status, status, headers)
        self.assertEqual(self.server.get("/health", headers={"Host": "puna"}).status, 200)


class Keys(SharedServer):
    arguments = ("--api-key", "first,second", "--cors-origin", "http://localhost:3000")

    def test_keys(self):
        self.assertEqual(self.server.get("/v1/models").error["code"], "missing_api_key")
        for key, status in (("first", 200), ("second", 200), ("third", 401), ("", 401), ("first,second", 401)):
            reply = self.server.get("/v1/models", headers={"Authorization": f"Bearer {key}"})
            self.assertEqual(reply.status, status, key)
        self.assertEqual(self.server.get("/health").status, 200)
        self.assertNotIn("first", self.server.log())

    def test_cors(self):
        page = {"Origin": "http://localhost:3000"}
        reply = self.server.request("OPTIONS", CHAT, headers={
            **page, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"})
        self.assertEqual(reply.status, 204)
        self.assertEqual(reply.headers["access-control-allow-origin"], "http://localhost:3000")
        self.assertEqual(reply.headers["access-control-allow-headers"], "authorization,content-type")
        other = self.server.get("/health", headers={"Origin": "http://elsewhere"})
        self.assertNotIn("access-control-allow-origin", other.headers)


if __name__ == "__main__":
    unittest.main()
