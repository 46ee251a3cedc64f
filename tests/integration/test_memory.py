"""Memory that requests take: bounded for all of them together, and where an allocation fails its request ends and nothing else."""

import gzip
import http.client
import json
import re
import resource
import threading
import unittest

from puna import Server
from test_operation import metrics

MIB = 1 << 20
LONG_WORD = json.dumps({"prompt": "x" * (31 * MIB), "max_tokens": 1}).encode()


def status_field(server, name):
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as file:
        return int(re.search(rf"{name}:\s+(\d+) kB", file.read()).group(1)) << 10


def code_of(reply):
    error = reply.json["error"]
    if isinstance(error, str):  # Ollama's form
        return error
    return error.get("code") or error["type"]


def send_at_once(server, path, body, count):
    """What each of so many clients gets: a status and a code, or nothing but the end of its connection."""
    outcomes = []

    def send():
        try:
            reply = server.request("POST", path, body)
            outcomes.append((reply.status, code_of(reply)))
        except (http.client.HTTPException, ConnectionError):
            outcomes.append((0, "closed"))

    threads = [threading.Thread(target=send) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == count
    return outcomes


class RequestMemory(unittest.TestCase):
    def test_four_bodies_of_31_mib_take_no_more_than_the_budget(self):
        with Server("--max-request-memory-mib", "256") as server:
            self.assertEqual(server.complete("Hi", max_tokens=2).status, 200)
            before = status_field(server, "VmHWM")
            outcomes = send_at_once(server, "/v1/completions", LONG_WORD, 4)
            allowed = {(503, "request_memory_full"), (400, "context_length_exceeded")}
            self.assertEqual(set(outcomes) - allowed, set())
            self.assertIn((400, "context_length_exceeded"), outcomes)
            self.assertLess(status_field(server, "VmHWM") - before, 256 * MIB)
            self.assertEqual(server.complete("Hi", max_tokens=2).status, 200)

    def test_what_never_fits_is_told_so_before_it_is_sent(self):
        with Server("--max-request-memory-mib", "64") as server:
            reply = server.request("POST", "/v1/completions", LONG_WORD, headers={"Expect": "100-continue"})
            self.assertEqual((reply.status, reply.error["code"]), (413, "request_too_large"))
            self.assertIn("--max-request-memory-mib", reply.error["message"])

    def test_what_a_body_unpacks_to_counts_before_it_is_there(self):
        packed = gzip.compress(b'{"prompt": "' + b"x" * (60 * MIB) + b'"}')
        with Server("--max-request-memory-mib", "32", "--max-body-mib", "64") as server:
            self.assertEqual(server.complete("Hi", max_tokens=2).status, 200)
            before = status_field(server, "VmHWM")
            reply = server.request("POST", "/v1/completions", packed, headers={"Content-Encoding": "gzip"})
            self.assertEqual((reply.status, reply.error["code"]), (413, "request_too_large"))
            self.assertLess(status_field(server, "VmHWM") - before, 32 * MIB)

    def test_what_a_body_names_counts_before_it_is_read(self):
        words = "word " * 400_000
        with Server("--max-request-memory-mib", "64") as server:
            conversation = server.post("/v1/conversations", {}).json["id"]
            item = {"role": "user", "content": words}
            for _ in range(9):
                self.assertEqual(server.post(f"/v1/conversations/{conversation}/items", {"items": [item]}).status, 200)
            reply = server.post("/v1/responses", {"input": "x", "conversation": conversation})
            self.assertEqual((reply.status, reply.error["code"]), (413, "request_too_large"))
            page = server.get(f"/v1/conversations/{conversation}/items?limit=100").json
            self.assertTrue(page["has_more"])
            self.assertLess(len(page["data"]), 9)
            stored = server.post("/v1/responses", {"input": "Hi", "max_output_tokens": 16}).json
            reference = {"type": "item_reference", "id": stored["output"][0]["id"]}
            reply = server.post("/v1/responses", {"input": [reference] * 150_000})
            self.assertIn((reply.status, reply.error["code"]), ((413, "request_too_large"), (503, "request_memory_full")))

    def test_grammars_and_responses_are_part_of_it_and_make_way(self):
        with Server("--max-request-memory-mib", "8") as server:
            def kept():
                now = metrics(server)
                return sum(now[f'puna_kept_memory_bytes{{kind="{kind}"}}'] for kind in ("grammars", "events", "responses"))
            large = json.dumps({"prompt": "x" * (5 * MIB // 4), "max_tokens": 1}).encode()
            for i in range(12):
                values = [f"value {i} {j}" for j in range(3000)]
                schema = {"type": "object", "properties": {"a": {"enum": values}}, "required": ["a"], "additionalProperties": False}
                reply = server.complete("Hi", max_tokens=2, response_format={"type": "json_schema", "json_schema": {
                    "name": "s", "schema": schema}})
                self.assertEqual(reply.status, 200, reply.body)
                self.assertEqual(server.post("/v1/responses", {"input": "y" * 2000, "max_output_tokens": 16}).status, 200)
                self.assertLessEqual(metrics(server)["puna_http_request_memory_bytes"], 8 * MIB)
            self.assertGreater(kept(), 2 * MIB)
            # What is kept is given up before a request is refused.
            self.assertEqual(server.request("POST", "/v1/completions", large).error["code"], "context_length_exceeded")
            self.assertLess(kept(), 3 * MIB)
            self.assertGreater(metrics(server)["puna_kept_memory_bytes{kind=\"responses\"}"], 0)

    def test_the_process_outlives_allocations_that_fail(self):
        with Server("--max-request-memory-mib", "4096") as server:
            self.assertEqual(server.complete("Hi", max_tokens=2).status, 200)
            limit = status_field(server, "VmSize") + 48 * MIB
            resource.prlimit(server.process.pid, resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
            tools = json.dumps({"messages": [{"role": "user", "content": "x " * (6 * MIB)}]}).encode()
            for path, body in (("/v1/completions", LONG_WORD), ("/v1/chat/completions", tools), ("/v1/responses", LONG_WORD),
                               ("/v1/messages", tools), ("/api/chat", tools), ("/v1/embeddings", LONG_WORD)):
                for status, code in send_at_once(server, path, body, 4):
                    self.assertIn(status, (400, 503), (path, code))
            # Many small objects: what the library takes to destroy them is not there.
            many = {"messages": [{"role": "user", "content": "x"}] * 300_000}
            limit = status_field(server, "VmSize") + 64 * MIB
            resource.prlimit(server.process.pid, resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
            for _ in range(3):
                for status, code in send_at_once(server, "/v1/chat/completions", json.dumps(many).encode(), 4):
                    self.assertIn(status, (400, 503), code)
            self.assertIsNone(server.process.poll())
            resource.prlimit(server.process.pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            self.assertEqual(server.complete("Hi", max_tokens=2).status, 200)


if __name__ == "__main__":
    unittest.main()
