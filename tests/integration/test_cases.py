"""Requests as users of other servers reported them (cases.py): each is sent as its text says, and the answer must be right."""

import gzip
import json
import os
import re
import tempfile
import unittest
import zlib

import test_case_schemas  # whose cases count among those that have a check
from cases import CASES, CHAT, CHECKED, HERE, SHARED, Case, body, case, covers, generated, joined, message
from puna import SLOW_MODEL, Server, SharedServer
from test_operation import metrics

TEMPLATES = os.path.join(SHARED or "", "golden", "chat", "templates")


@HERE
class Demo(SharedServer, Case):
    @covers("01")
    def test_codex_mixed_tools(self):
        reply = self.ok(self.post_case("01", "/v1/responses", max_output_tokens=16, stream=False),
                        r"tools\[\d\]' of type web_search is left out")
        kinds = [tool["type"] for tool in reply.json["tools"]]
        self.assertIn("custom", kinds)
        for demanded in ({"type": "web_search"}, {"type": "function", "name": "nobody"}):
            self.refused(self.post_case("01", "/v1/responses", tool_choice=demanded), "^tool_choice")

    @covers("02")
    def test_a_picture_in_a_tools_result(self):
        reply = self.post_case("02", max_tokens=5)
        if reply.status == 200:
            self.assertNotEqual(reply.headers.get("x-puna-warnings", ""), "")
            self.assertLess(reply.json["usage"]["prompt_tokens"], 400)
        else:
            self.refused(reply, r"^messages\[2\]\.content\[1\]")

    @covers("04")
    def test_half_an_emoji(self):
        self.ok(self.server.post(CHAT, body("04")))
        for path, text in (("/v1/completions", b'{"prompt": "a \\udc00b", "max_tokens": 1}'),
                           ("/v1/responses", b'{"input": "a \\ud800", "max_output_tokens": 16}'),
                           ("/api/generate", b'{"model": "puna-demo", "prompt": "\\ud83dx", "stream": false, '
                                             b'"options": {"num_predict": 1}}'),
                           ("/v1/messages", b'{"model": "puna-demo", "max_tokens": 1, '
                                            b'"messages": [{"role": "user", "content": "\\ud83d"}]}')):
            with self.subTest(path=path):
                self.ok(self.server.post(path, text))

    @covers("07")
    def test_dimensions(self):
        plain = self.ok(self.server.post("/v1/embeddings", {"model": "puna-demo", "input": "hello"})).json["data"][0]["embedding"]
        same = self.ok(self.post_case("07", "/v1/embeddings", dimensions=len(plain))).json["data"][0]["embedding"]
        self.assertEqual(same, plain)
        error = self.refused(self.post_case("07", "/v1/embeddings", dimensions=len(plain) - 1), "^dimensions$")
        self.assertIn(str(len(plain)), error["message"])

    @covers("18")
    def test_three_turns_by_id_are_three_turns_in_one(self):
        asked = case("18", tool_choice="required")
        first = self.ok(self.server.post("/v1/responses", asked)).json
        call = next(item for item in first["output"] if item["type"] == "function_call")
        result = {"type": "function_call_output", "call_id": call["call_id"], "output": "Sunny."}
        rest = {"tools": asked["tools"], "temperature": 0, "max_output_tokens": 60}
        second = self.ok(self.server.post("/v1/responses", {**rest, "input": [result], "previous_response_id": first["id"]})).json
        again = {"role": "user", "content": "And tomorrow?"}
        third = self.ok(self.server.post("/v1/responses", {**rest, "input": [again], "previous_response_id": second["id"]})).json
        whole = [{"role": "user", "content": asked["input"]}, *first["output"], result, *second["output"], again]
        once = self.ok(self.server.post("/v1/responses", {**rest, "input": whole})).json
        self.assertEqual(third["usage"]["input_tokens"], once["usage"]["input_tokens"])

    @covers("19")
    def test_events_have_all_that_names_them(self):
        for choice in ("auto", "required"):
            reply = self.ok(self.post_case("19", "/v1/responses", tool_choice=choice))
            events = [json.loads(line[len("data: "):]) for line in reply.body.decode().split("\n") if line.startswith("data: ")]
            self.assertEqual([event["sequence_number"] for event in events], list(range(len(events))))
            for event in events:
                if "response" in event:
                    self.assertTrue(event["response"]["created_at"] and event["response"]["model"])
                elif "item" in event:
                    self.assertIn("output_index", event)
                    self.assertTrue(event["item"]["id"])
                    if event["item"]["type"] == "function_call":
                        self.assertTrue(event["item"]["call_id"])
                else:
                    self.assertTrue(event["item_id"] and event["output_index"] >= 0)

    @covers("20")
    def test_a_prompt_that_is_too_long(self):
        for stream in (False, True):
            reply = self.post_case("20", stream=stream)
            self.assertEqual((reply.status, reply.error["code"]), (400, "context_length_exceeded"))
            self.assertEqual(reply.headers["content-type"].split(";")[0], "application/json")

    @covers("21")
    def test_a_bound_beyond_the_context(self):
        reply = self.post_case("21")
        if reply.status == 200:
            self.assertRegex(reply.headers.get("x-puna-warnings", ""), "max_tokens")
        else:
            self.refused(reply, "^max_tokens$")

    @covers("24")
    def test_bytes_of_tokens_join_to_the_text(self):
        choice = self.ok(self.post_case("24", "/v1/completions")).json["choices"][0]
        joined_bytes = b""
        for token in choice["logprobs"]["tokens"]:
            joined_bytes += (re.sub(r"\\x(..)", lambda m: chr(int(m[1], 16)), token[6:]).encode("latin-1")
                             if token.startswith("bytes:") else token.encode())
        # What the model left unfinished is no character; there the text says so.
        text = joined_bytes.decode("utf-8", "replace").removeprefix("<|begin_of_text|>")
        self.assertEqual(text, choice["text"])
        self.assertTrue(text.startswith(case("24")["prompt"]))

    @covers("25")
    def test_content_in_parts(self):
        asked = case("25", temperature=0)
        parts = self.ok(self.server.post(CHAT, asked)).json
        for entry in asked["messages"]:
            if not isinstance(entry["content"], str):
                entry["content"] = "".join(part["text"] for part in entry["content"])
        plain = self.ok(self.server.post(CHAT, asked)).json
        self.assertEqual(parts["choices"][0]["message"], plain["choices"][0]["message"])
        self.assertEqual(parts["usage"]["prompt_tokens"], plain["usage"]["prompt_tokens"])

    @covers("27")
    def test_arguments_as_objects_and_results_in_any_order(self):
        self.ok(self.post_case("27"))

    @covers("29")
    def test_compressed_bodies(self):
        raw = body("29")
        deflate = zlib.compressobj(wbits=-15)
        for coding, packed in (("gzip", gzip.compress(raw)), ("deflate", zlib.compress(raw)),
                               ("deflate", deflate.compress(raw) + deflate.flush()), ("gzip, identity", gzip.compress(raw))):
            with self.subTest(coding=coding):
                self.ok(self.server.post(CHAT, packed, headers={"Content-Encoding": coding}))
        unknown = self.server.post(CHAT, raw, headers={"Content-Encoding": "lzma"})
        self.assertEqual(unknown.status, 415)
        self.assertIn("lzma", unknown.error["message"])
        for coding in ("gzip", "zstd", "br"):
            broken = self.server.post(CHAT, raw, headers={"Content-Encoding": coding})
            self.assertEqual(broken.status, 400)
            self.assertIn("Content-Encoding", broken.error["message"])

    @covers("31")
    def test_streams_equal_whole_answers(self):
        for seed in range(1, 11):
            whole = self.ok(self.post_case("31", seed=seed, stream=False))
            content, calls, _ = joined(self.ok(self.post_case("31", seed=seed, stream=True)))
            expected = message(whole)
            self.assertEqual(content, expected["content"] or "")
            whole_calls = [call["function"] for call in expected.get("tool_calls") or []]
            self.assertEqual(calls, [[call["name"], call["arguments"]] for call in whole_calls])
            if whole.json["choices"][0]["finish_reason"] != "length":
                for _, arguments in calls:
                    json.loads(arguments)
            self.assertEqual(len({call["id"] for call in expected.get("tool_calls") or []}), len(calls))

    @covers("36")
    def test_long_names(self):
        self.ok(self.post_case("36"))
        long = case("36")
        for length, status in ((256, 200), (257, 400)):
            long["tools"][0]["function"]["name"] = "n" * length
            self.assertEqual(self.server.post(CHAT, long).status, status)

    @covers("43")
    def test_fields_that_have_moved(self):
        self.refused(self.post_case("43", "/v1/responses"), "^(response_format|max_tokens|stop)$")
        for name, value, where in (("response_format", {"type": "json_object"}, "text.format"),
                                   ("max_tokens", 2, "max_output_tokens"),
                                   ("stop", ["l"], "stop")):
            error = self.refused(self.server.post("/v1/responses", {"input": "Say hello.", name: value}), f"^{name}$")
            self.assertIn(where, error["message"] + error["param"])

    @covers("44")
    def test_words_behind_responses(self):
        for path in ("/v1/responses/nothing", "/v1/responses/resp_1/unknown"):
            reply = self.server.post(path, case("44"))
            self.assertEqual((reply.status, reply.error["code"]), (404, "unknown_url"), path)
@HERE
class Slow(SharedServer, Case):
    arguments = SLOW_MODEL

    @covers("28")
    def test_who_leaves_while_a_whole_answer_is_made(self):
        sock = self.server.open_stream("/v1/completions", case("28"))
        self.server.wait_until(lambda: metrics(self.server)["puna_num_requests_running"] == 1)
        sock.close()
        self.server.wait_until(lambda: metrics(self.server)["puna_num_requests_running"] == 0)


@HERE
class Templates(Case):
    def server(self, template, *more):
        return Server("--chat-template-file", os.path.join(TEMPLATES, template), *more)

    @covers("06")
    def test_sixty_tools(self):
        template = os.path.join(CASES, "..", "notools.jinja")
        with tempfile.TemporaryDirectory() as folder:
            if not os.path.exists(template):
                template = os.path.join(folder, "notools.jinja")
                with open(template, "w", encoding="utf-8") as file:
                    file.write("{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<tool_call>{% endfor %}")
            asked = generated("06")
            with Server("--chat-template-file", template) as server:
                server.post(CHAT, {**asked, "tools": asked["tools"][:1]})
                begun = server.spent()
                one = server.post(CHAT, {**asked, "tools": asked["tools"][1:2]})
                alone, begun = server.spent() - begun, server.spent()
                reply = self.ok(server.post(CHAT, asked))
                self.assertEqual(one.status, 200)
                self.assertLess(server.spent() - begun, alone + 10)
                calls = message(reply).get("tool_calls") or []
                names = {tool["function"]["name"] for tool in asked["tools"]}
                self.assertTrue(calls and {call["function"]["name"] for call in calls} <= names or
                                reply.json["choices"][0]["finish_reason"] == "length", reply.body[:300])

    @covers("38", "39")
    def test_hermes_template_takes_tools_as_openai_allows_them(self):
        with self.server("hermes-3-tool_use.jinja") as server:
            self.ok(server.post(CHAT, case("38")))
            bare = case("38")
            del bare["tools"][0]["function"]["parameters"]
            self.ok(server.post(CHAT, bare))
            self.ok(server.post(CHAT, case("39")))

    @covers("40")
    def test_a_prefill_keeps_its_last_white_space(self):
        with self.server("chatml.jinja") as server:
            for prefill in ("```json\n", "Answer: ", ""):
                asked = case("40")
                asked["messages"][1]["content"] = prefill
                ids = self.ok(server.post("/tokenize", asked)).json["tokens"]
                text = self.ok(server.post("/detokenize", {"tokens": ids})).json["prompt"]
                self.assertTrue(text.endswith("assistant\n" + prefill), repr(text[-60:]))

    @covers("41", "47")
    def test_llamas_template(self):
        with self.server("llama-3.2.jinja") as server:
            self.ok(server.post(CHAT, case("41")))
            asked = case("41")
            flat = [{"type": "function", **tool["function"]} for tool in asked["tools"]]
            self.ok(server.post("/v1/responses", {"instructions": asked["messages"][0]["content"], "tools": flat, "input": [],
                                                  "max_output_tokens": 16}))
            self.ok(server.post(CHAT, case("47")))


class Every(unittest.TestCase):
    @HERE
    def test_each_case_has_a_check(self):
        there = {name.split(".")[0] for name in os.listdir(CASES) if re.match(r"\d+b?\.", name)}
        self.assertEqual(there - CHECKED, set())


if __name__ == "__main__":
    unittest.main()
