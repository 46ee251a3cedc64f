"""What the server answers to requests that are in order."""

import json
import re
import unittest

from puna import SharedServer, read_until

QUESTION = "What is the capital of France?"


class Chat(SharedServer):
    def test_whole_answer(self):
        reply = self.server.chat(QUESTION, temperature=0)
        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.headers["content-type"], "application/json")
        body = reply.json
        self.assertEqual(list(body)[:4], ["id", "object", "created", "model"])
        self.assertRegex(body["id"], "^chatcmpl-[A-Za-z0-9]+$")
        self.assertEqual(body["object"], "chat.completion")
        choice, = body["choices"]
        self.assertEqual(choice["message"]["role"], "assistant")
        self.assertIn("Paris", choice["message"]["content"])
        self.assertEqual(choice["finish_reason"], "stop")
        usage = body["usage"]
        self.assertEqual(usage["total_tokens"], usage["prompt_tokens"] + usage["completion_tokens"])

    def test_stream_says_the_same_in_exact_frames(self):
        whole = self.server.chat(QUESTION, temperature=0).json
        reply = self.server.chat(QUESTION, temperature=0, stream=True, stream_options={"include_usage": True})
        self.assertEqual(reply.headers["content-type"], "text/event-stream; charset=utf-8")
        *chunks, done = reply.events()
        self.assertEqual(done, "[DONE]")
        chunks = [json.loads(chunk) for chunk in chunks]
        *deltas, usage = chunks
        self.assertEqual(len({c["id"] for c in chunks}), 1)
        self.assertEqual({c["object"] for c in chunks}, {"chat.completion.chunk"})
        self.assertEqual(deltas[0]["choices"][0]["delta"], {"role": "assistant", "content": "", "refusal": None})
        self.assertTrue(all(c["usage"] is None for c in deltas))
        text = "".join(c["choices"][0]["delta"].get("content", "") for c in deltas)
        self.assertEqual(text, whole["choices"][0]["message"]["content"])
        self.assertEqual([c["choices"][0]["finish_reason"] for c in deltas], [None] * (len(deltas) - 1) + ["stop"])
        self.assertEqual(deltas[-1]["choices"][0]["delta"], {})
        self.assertEqual(usage["choices"], [])
        self.assertEqual(usage["usage"]["completion_tokens"], whole["usage"]["completion_tokens"])
        # One chunk a token: first the role, at the end the reason.
        self.assertEqual(len(deltas), whole["usage"]["completion_tokens"] - 1 + 2)

    def test_stream_bytes(self):
        sock = self.server.open_stream("/v1/chat/completions", {
            "messages": [{"role": "user", "content": QUESTION}], "stream": True, "max_tokens": 1, "temperature": 0})
        received = read_until(sock, b"0\r\n\r\n").decode()
        sock.close()
        head, body = received.split("\r\n\r\n", 1)
        self.assertTrue(head.startswith("HTTP/1.1 200 OK\r\n"))
        self.assertIn("\r\nTransfer-Encoding: chunked", head)
        self.assertIn("\r\nCache-Control: no-cache", head)
        self.assertIn("\r\nX-Request-Id: req_", head)
        text = ""
        while body:
            length, body = body.split("\r\n", 1)
            text += body[:int(length, 16)]
            self.assertEqual(body[int(length, 16):][:2], "\r\n")
            body = body[int(length, 16) + 2:]
        chunk = (r'data: \{"id":"chatcmpl-\w+","object":"chat.completion.chunk","created":\d+,"model":"puna-demo",'
                 r'"system_fingerprint":"\w+","choices":\[\{"index":0,"delta":%s,"logprobs":null,"finish_reason":%s\}\]\}\n\n')
        expected = (chunk % (r'\{"role":"assistant","content":"","refusal":null\}', "null")
                    + chunk % (r'\{"content":"[^"]+"\}', "null") + chunk % (r"\{\}", '"length"') + r"data: \[DONE\]\n\n")
        self.assertTrue(re.fullmatch(expected, text), text)

    def test_several_choices(self):
        body = {"n": 3, "seed": 7, "temperature": 1.5, "max_tokens": 12}
        one = self.server.chat("Tell me something.", **body).json
        again = self.server.chat("Tell me something.", **body).json
        texts = [c["message"]["content"] for c in one["choices"]]
        self.assertEqual([c["index"] for c in one["choices"]], [0, 1, 2])
        self.assertEqual(texts, [c["message"]["content"] for c in again["choices"]])
        self.assertGreater(len(set(texts)), 1)
        self.assertEqual(one["usage"]["prompt_tokens"], again["usage"]["prompt_tokens"])
        events = self.server.chat("Tell me something.", stream=True, **body).events()
        streamed = ["", "", ""]
        for event in events[:-1]:
            choice = json.loads(event)["choices"][0]
            streamed[choice["index"]] += choice["delta"].get("content", "")
        self.assertEqual(streamed, texts)

    def test_stop_string_is_never_shown(self):
        whole = self.server.chat(QUESTION, temperature=0).json["choices"][0]["message"]["content"]
        stop = whole[len(whole) // 2:][:5]
        expected = whole[:whole.index(stop)]
        for stream in (False, True):
            reply = self.server.chat(QUESTION, temperature=0, stop=[stop, "never comes"], stream=stream,
                                     **({"stream_options": {"include_usage": True}} if stream else {}))
            if stream:
                chunks = [json.loads(e) for e in reply.events()[:-1]]
                text = "".join(c["choices"][0]["delta"].get("content", "") for c in chunks[:-1])
                reason, usage = chunks[-2]["choices"][0]["finish_reason"], chunks[-1]["usage"]
            else:
                text = reply.json["choices"][0]["message"]["content"]
                reason, usage = reply.json["choices"][0]["finish_reason"], reply.json["usage"]
            self.assertEqual(text, expected)
            self.assertEqual(reason, "stop")
            self.assertGreater(usage["completion_tokens"], 0)
            self.assertGreater(usage["prompt_tokens"], 0)
            tokens = self.server.post("/tokenize", {"prompt": expected, "add_special_tokens": False}).json["count"]
            self.assertLessEqual(abs(usage["completion_tokens"] - tokens), len(stop) + 1)

    def test_max_tokens(self):
        for name in ("max_tokens", "max_completion_tokens"):
            body = self.server.chat("Say something long.", ignore_eos=True, **{name: 5}).json
            self.assertEqual(body["usage"]["completion_tokens"], 5)
            self.assertEqual(body["choices"][0]["finish_reason"], "length")

    def test_utf8_is_never_cut(self):
        for seed in range(4):
            body = {"prompt": "caf\u00e9 \u4f60\u597d \U0001f600", "temperature": 2, "seed": seed, "max_tokens": 60,
                    "ignore_eos": True}
            whole = self.server.post("/v1/completions", body).json["choices"][0]["text"]
            events = self.server.post("/v1/completions", {**body, "stream": True}).events()
            self.assertEqual("".join(json.loads(e)["choices"][0]["text"] for e in events[:-1]), whole)

    def test_logprobs_follow_the_text(self):
        body = self.server.chat(QUESTION, temperature=0, logprobs=True, top_logprobs=3).json
        choice = body["choices"][0]
        entries = choice["logprobs"]["content"]
        self.assertEqual(b"".join(bytes(e["bytes"]) for e in entries).decode(), choice["message"]["content"])
        for entry in entries:
            self.assertLessEqual(entry["logprob"], 0)
            self.assertEqual(len(entry["top_logprobs"]), 3)
            self.assertEqual(entry["top_logprobs"][0]["token"], entry["token"])
        events = self.server.chat(QUESTION, temperature=0, logprobs=True, top_logprobs=3, stream=True).events()
        streamed = []
        for event in events[:-1]:
            logprobs = json.loads(event)["choices"][0]["logprobs"]
            streamed += logprobs["content"] if logprobs else []
        self.assertEqual([e["token"] for e in streamed], [e["token"] for e in entries])

    def test_cached_tokens_are_told(self):
        question = "Please remember this: " + " ".join(str(i) for i in range(60))
        self.server.chat(question, max_tokens=1)
        usage = self.server.chat(question, max_tokens=1).json["usage"]
        self.assertGreater(usage["prompt_tokens_details"]["cached_tokens"], 0)
        self.assertLess(usage["prompt_tokens_details"]["cached_tokens"], usage["prompt_tokens"])

    def test_special_tokens_of_users_are_text(self):
        plain = self.server.post("/tokenize", {"prompt": "<|eot_id|>", "add_special_tokens": False}).json
        self.assertGreater(plain["count"], 1)
        chat = {"messages": [{"role": "user", "content": "<|eot_id|>"}]}
        inside = self.server.post("/tokenize", chat).json["tokens"]
        empty = self.server.post("/tokenize", {"messages": [{"role": "user", "content": ""}]}).json["tokens"]
        self.assertEqual(len(inside), len(empty) + plain["count"])


class Completions(SharedServer):
    def test_prompts_of_every_kind(self):
        ids = self.server.post("/tokenize", {"prompt": "Hello there"}).json["tokens"]
        more = {"max_tokens": 4, "temperature": 0}
        text = self.server.complete("Hello there", **more).json["choices"][0]["text"]
        self.assertEqual(self.server.complete(ids, **more).json["choices"][0]["text"], text)
        both = self.server.complete([ids, ids], **more).json
        self.assertEqual([c["text"] for c in both["choices"]], [text, text])
        self.assertEqual([c["index"] for c in both["choices"]], [0, 1])
        self.assertEqual(both["usage"]["prompt_tokens"], 2 * len(ids))
        self.assertEqual(self.server.complete(["Hello there"], **more).json["choices"][0]["text"], text)

    def test_echo_and_logprobs(self):
        ids = self.server.post("/tokenize", {"prompt": "Hello there"}).json["tokens"]
        body = self.server.complete("Hello there", max_tokens=3, temperature=0, echo=True, logprobs=4,
                                    return_tokens_as_token_ids=True).json
        choice = body["choices"][0]
        self.assertTrue(choice["text"].startswith("Hello there"))
        logprobs = choice["logprobs"]
        self.assertEqual([int(t.split(":")[1]) for t in logprobs["tokens"]][:len(ids)], ids)
        self.assertEqual(len(logprobs["tokens"]), len(ids) + 3)
        self.assertIsNone(logprobs["token_logprobs"][0])
        self.assertTrue(all(p <= 0 for p in logprobs["token_logprobs"][1:]))
        self.assertTrue(all(4 <= len(top) <= 5 for top in logprobs["top_logprobs"][1:]))
        self.assertEqual(logprobs["text_offset"], sorted(logprobs["text_offset"]))
        scored = self.server.complete("Hello there", max_tokens=0, echo=True, logprobs=4, return_tokens_as_token_ids=True).json
        self.assertEqual(scored["choices"][0]["text"], "Hello there")
        self.assertEqual(scored["usage"]["completion_tokens"], 0)
        for ours, theirs in zip(scored["choices"][0]["logprobs"]["token_logprobs"][1:], logprobs["token_logprobs"][1:]):
            self.assertAlmostEqual(ours, theirs, delta=1e-2)

    def test_embeddings(self):
        first = self.server.post("/v1/embeddings", {"input": "Paris is a city."}).json
        self.assertAlmostEqual(sum(x * x for x in first["data"][0]["embedding"]), 1, delta=1e-4)
        texts = ["word " * count for count in (1, 700, 40)] * 12 + ["Paris is a city."]  # chunked, and more than run at once
        many = self.server.post("/v1/embeddings", {"input": texts, "user": "somebody new"}).json
        self.assertEqual([entry["index"] for entry in many["data"]], list(range(len(texts))))
        self.assertEqual(many["data"][-1]["embedding"], first["data"][0]["embedding"])
        self.assertEqual(many["data"][0], {**many["data"][3], "index": 0})
        self.server.wait_for_log('user="somebody new"')
        last = self.server.post("/v1/embeddings", {"input": "Paris is a city.", "pooling": "last"}).json
        self.assertNotEqual(last["data"][0]["embedding"], first["data"][0]["embedding"])

    def test_best_of(self):
        body = self.server.complete("Hello", n=2, best_of=4, seed=1, temperature=1.5, max_tokens=6).json
        self.assertEqual([c["index"] for c in body["choices"]], [0, 1])
        self.assertTrue(all(c["logprobs"] is None for c in body["choices"]))


class Others(SharedServer):
    arguments = ("--served-model-name", "my/model,gpt-4o")

    def test_models(self):
        models = self.server.get("/v1/models").json
        self.assertEqual(models["object"], "list")
        self.assertEqual([m["id"] for m in models["data"]], ["my/model", "gpt-4o"])
        self.assertEqual(self.server.get("/v1/models/gpt-4o").json, models["data"][1])
        self.assertEqual(self.server.chat("Hi", model="gpt-4o", max_tokens=1).json["model"], "my/model")
        self.assertEqual(self.server.get("/v1/models/my/model").json, models["data"][0])
        self.assertEqual(self.server.get("/v1/models/my%2Fmodel").json, models["data"][0])
        self.assertEqual(self.server.get("/v1/models/other").error["code"], "model_not_found")
        self.assertEqual(self.server.chat("Hi", model="my/model", max_tokens=1).json["model"], "my/model")

    def test_health(self):
        for path in ("/health", "/health/live", "/health/ready"):
            self.assertEqual(self.server.get(path).status, 200)

    def test_tokenize_and_back(self):
        text = "Caf\u00e9, 12345 and\n\tmore \U0001f600"
        reply = self.server.post("/tokenize", {"prompt": text, "add_special_tokens": False, "return_token_strs": True}).json
        self.assertEqual(reply["count"], len(reply["tokens"]))
        self.assertEqual(len(reply["token_strs"]), len(reply["tokens"]))
        self.assertEqual(self.server.post("/detokenize", {"tokens": reply["tokens"]}).json, {"prompt": text})

    def test_input_tokens(self):
        body = {"messages": [{"role": "user", "content": "Hello there"}],
                "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]}
        counted = self.server.post("/v1/chat/completions/input_tokens", body).json
        used = self.server.post("/v1/chat/completions", {**body, "max_tokens": 1}).json["usage"]["prompt_tokens"]
        self.assertEqual(counted, {"object": "response.input_tokens", "input_tokens": used})
        self.assertEqual(self.server.post("/tokenize", body).json["count"], used)
        first = self.server.post("/v1/responses", {"input": "Hello", "max_output_tokens": 4}).json
        body = {"input": "And then?", "instructions": "Be kind.", "previous_response_id": first["id"]}
        counted = self.server.post("/v1/responses/input_tokens", body).json["input_tokens"]
        used = self.server.post("/v1/responses", {**body, "max_output_tokens": 1}).json["usage"]["input_tokens"]
        self.assertEqual(counted, used)
        self.assertEqual(self.server.post("/v1/responses/input_tokens", {}).error["param"], "input")
        self.assertEqual(self.server.post("/v1/chat/completions/input_tokens", {"messages": 1}).error["param"], "messages")

    def test_capabilities_name_every_endpoint(self):
        endpoints = self.server.get("/v1/capabilities").json["endpoints"]
        self.assertIn("/v1/chat/completions", endpoints)
        self.assertIn("/v1/completions", endpoints)
        for path in endpoints:
            self.assertEqual(self.server.request("OPTIONS", path).status, 204, path)

    def test_request_ids(self):
        self.assertEqual(self.server.get("/health", headers={"X-Request-Id": "abc"}).headers["x-request-id"], "abc")
        given = self.server.chat("Hi", max_tokens=1).headers["x-request-id"]
        line = self.server.wait_for_log(rf"info id=({given}) method=POST path=/v1/chat/completions status=200 (.*)\n")
        for field in ("ms=", "prompt_tokens=", "completion_tokens=1", "prefill_ms=", "finish=length"):
            self.assertIn(field, line.group(2))

    def test_unknown_fields_are_told(self):
        reply = self.server.chat("Hi", max_tokens=1, never_heard_of=True)
        self.assertEqual(reply.status, 200)
        self.assertIn("never_heard_of", reply.headers["x-puna-warnings"])


if __name__ == "__main__":
    unittest.main()
