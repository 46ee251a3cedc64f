"""Requests as local clients really send them: what is odd and harmless is served, what is left out is said, what is wrong is
named."""

import unittest

from puna import SharedServer

HI = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 3}


class Requests(SharedServer):
    arguments = ("--api-key", "key", "--max-model-len", "1024", "--served-model-name", "puna-demo,org/Other-Name",
                 "--max-body-mib", "1")

    def send(self, path, body, **headers):
        return self.server.post(path, body, headers={"Authorization": "Bearer key", **headers})

    def chat(self, **more):
        return self.send("/v1/chat/completions", {**HI, **more})

    def warnings(self, reply):
        self.assertEqual(reply.status, 200, reply.body)
        return reply.headers.get("x-puna-warnings", "")

    def refusal(self, reply, param):
        self.assertEqual((reply.status, reply.error["param"]), (400, param), reply.body)

    def test_half_an_emoji_is_read_as_the_replacement_character(self):
        for body in (b'{"messages":[{"role":"user","content":"great job \\ud83d"}],"max_tokens":3}',
                     b'{"messages":[{"role":"user","content":"\\ude00"}],"max_tokens":3}',
                     b'{"messages":[{"role":"user","content":"x"}],"max_tokens":3,"tools":[{"type":"function","function":'
                     b'{"name":"f","description":"\\ud83d","parameters":{"type":"object","properties":{"\\ud83d":{}}}}}]}'):
            self.assertEqual(self.send("/v1/chat/completions", body).status, 200)
        self.assertEqual(self.send("/v1/responses", b'{"input":"\\ud83d","max_output_tokens":3}').status, 200)
        whole = self.send("/tokenize", b'{"prompt":"a\\ud83d"}').json["tokens"]
        self.assertEqual(whole, self.send("/tokenize", {"prompt": "a\ufffd"}).json["tokens"])

    def test_a_length_beyond_the_room_is_a_bound(self):
        for path, body in (("/v1/chat/completions", {**HI, "max_tokens": 65536}),
                           ("/v1/completions", {"prompt": "Hi", "max_tokens": 65536}),
                           ("/v1/responses", {"input": "Hi", "max_output_tokens": 65536})):
            said = self.warnings(self.send(path, body))
            self.assertRegex(said, r"max_(output_)?tokens' 65536 .* room")
        reply = self.send("/v1/completions", {"prompt": "Hi", "max_tokens": 65536, "ignore_eos": True})
        self.assertEqual(reply.json["choices"][0]["finish_reason"], "length")
        self.assertEqual(reply.json["usage"]["total_tokens"], 1024)

    def test_a_prompt_without_room_is_refused_by_its_name(self):
        words = "word " * 3000
        chat = {"messages": [{"role": "user", "content": words}], "max_tokens": 65536}
        for path, body, param in (("/v1/chat/completions", chat, "messages"),
                                  ("/v1/completions", {"prompt": words}, "prompt"),
                                  ("/v1/responses", {"input": words}, "input")):
            for stream in (False, True):
                reply = self.send(path, {**body, "stream": stream})
                self.refusal(reply, param)
                self.assertEqual(reply.error["code"], "context_length_exceeded")

    def test_what_local_clients_send_for_none(self):
        for more in ({"max_tokens": -1}, {"max_completion_tokens": -1, "max_tokens": None}, {"stop": ""}, {"stop": ["", "x"]},
                     {"stop": []}, {"seed": -1}, {"tools": []}):
            self.assertEqual(self.warnings(self.chat(**{**more, "temperature": 0})), "", more)
        self.assertEqual(self.send("/v1/completions", {"prompt": "Hi", "max_tokens": -1, "stop": ""}).status, 200)
        self.assertEqual(self.send("/v1/responses", {"input": "Hi", "max_output_tokens": -1}).status, 200)
        self.refusal(self.chat(max_tokens=-2), "max_tokens")
        self.refusal(self.chat(max_tokens=0), "max_tokens")

    def test_dimensions_of_the_model(self):
        whole = self.send("/v1/embeddings", {"input": "hello"}).json["data"][0]["embedding"]
        reply = self.send("/v1/embeddings", {"input": "hello", "dimensions": len(whole)})
        self.assertEqual(reply.json["data"][0]["embedding"], whole)
        self.refusal(self.send("/v1/embeddings", {"input": "hello", "dimensions": 0}), "dimensions")
        for wrong in (1, len(whole) + 1):
            reply = self.send("/v1/embeddings", {"input": "hello", "dimensions": wrong})
            self.refusal(reply, "dimensions")
            self.assertIn(str(len(whole)), reply.error["message"])

    def test_names_of_models(self):
        for name in ("puna-demo", "org/Other-Name", ""):
            self.assertEqual(self.warnings(self.chat(model=name)), "")
        for name in ("Puna-Demo", "puna-demo:latest", "openai/puna-demo", "ollama/PUNA-demo:latest", "org/other-name"):
            reply = self.chat(model=name)
            self.assertIn("is served as", self.warnings(reply))
            self.assertIn(reply.json["model"], ("puna-demo", "org/Other-Name"))
        for name in ("puna", "gpt-4o", "puna-demo:q4", "openai/gpt-4o", "xpuna-demo", "/", ":latest"):
            reply = self.chat(model=name)
            self.assertEqual((reply.status, reply.error["code"]), (404, "model_not_found"))

    def test_base_urls_that_are_written_wrong_get_a_hint(self):
        for path, meant in (("/chat/completions", "/v1/chat/completions"), ("//v1/chat/completions", "/v1/chat/completions"),
                            ("/v1//chat/completions", "/v1/chat/completions"), ("/v1/v1/chat/completions", "/v1/chat/completions"),
                            ("/v1/v1/models", "/v1/models"), ("/v1/models/", "/v1/models")):
            reply = self.send(path, HI)
            self.assertEqual((reply.status, reply.error["code"]), (404, "unknown_url"), path)
            self.assertIn(f"Did you mean {meant}?", reply.error["message"])
        self.assertNotIn("Did you mean", self.send("/v1/v1/nothing", HI).error["message"])

    def test_unknown_words_below_an_id_are_no_ids(self):
        for path in ("/v1/responses/nothing", "/v1/responses/compact/cancel", "/v1/responses/resp_x/nothing"):
            reply = self.send(path, {"input": "Hi"})
            self.assertEqual((reply.status, reply.error["code"]), (404, "unknown_url"), path)
        reply = self.send("/v1/responses/resp_123", {})
        self.assertEqual((reply.status, reply.headers["allow"]), (405, "GET, HEAD, DELETE, OPTIONS"))
        reply = self.server.get("/v1/responses/resp_123", headers={"Authorization": "Bearer key"})
        self.assertEqual((reply.status, reply.error["code"]), (404, "response_not_found"))

    def test_predictions_alone_are_accepted_or_rejected(self):
        text = "one two three one two three one two three one two three"
        reply = self.chat(messages=[{"role": "user", "content": "Repeat: " + text}], max_tokens=60, temperature=0)
        details = reply.json["usage"]["completion_tokens_details"]
        self.assertEqual((details["accepted_prediction_tokens"], details["rejected_prediction_tokens"]), (0, 0))
        answer = reply.json["choices"][0]["message"]["content"]
        predicted = self.chat(messages=[{"role": "user", "content": "Repeat: " + text}], max_tokens=60, temperature=0,
                              prediction={"type": "content", "content": answer})
        self.assertEqual(predicted.json["choices"][0]["message"]["content"], answer)
        self.assertGreater(predicted.json["usage"]["completion_tokens_details"]["accepted_prediction_tokens"], 0)



if __name__ == "__main__":
    unittest.main()
