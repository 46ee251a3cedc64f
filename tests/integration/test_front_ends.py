"""What front ends ask before they talk: models, properties, slots, HEAD."""

import unittest

from puna import LONG, Server, SharedServer


class FrontEnds(SharedServer):
    arguments = ("--max-model-len", "512", "--served-model-name", "demo,org/other:name", "--max-num-seqs", "3")

    def test_all_tell_the_window_that_is_served(self):
        model = self.server.get("/v1/models").json["data"][0]
        self.assertEqual((model["max_model_len"], model["max_input_tokens"], model["meta"]["n_ctx"]), (512,) * 3)
        self.assertGreater(model["meta"]["n_ctx_train"], 512)
        self.assertGreater(model["meta"]["n_params"], 1e6)
        self.assertGreater(model["meta"]["size"], 1e6)
        for path in ("/props", "/v1/props"):
            props = self.server.get(path).json
            self.assertEqual(props["default_generation_settings"]["n_ctx"], 512)
            self.assertEqual(props["total_slots"], 3)
            self.assertEqual(props["model_alias"], "demo")
            self.assertIn("messages", props["chat_template"])
            self.assertTrue(props["eos_token"])
        self.assertEqual(self.server.get("/api/v0/models").json["data"][0]["loaded_context_length"], 512)
        catalog = self.server.get("/api/v1/models").json["models"]
        self.assertEqual(catalog[1]["loaded_instances"], [{"id": "org/other:name", "config": {"context_length": 512}}])

    def test_one_model_by_any_of_its_names_encoded_or_not(self):
        for name in ("demo", "org/other:name", "org%2Fother%3Aname"):
            plain = name.replace("%2F", "/").replace("%3A", ":")
            for folder in ("/v1/models/", "/api/v0/models/"):
                reply = self.server.get(folder + name)
                self.assertEqual((reply.status, reply.json["id"]), (200, plain))
        for folder in ("/v1/models/", "/api/v0/models/"):
            reply = self.server.get(folder + "nobody")
            self.assertEqual((reply.status, reply.error["code"]), (404, "model_not_found"))

    def test_lm_studios_doors_are_the_same_generation(self):
        body = {"model": "demo", "messages": [{"role": "user", "content": "Hi"}], "temperature": 0, "max_tokens": 8}
        one, other = (self.server.post(path, body).json for path in ("/v1/chat/completions", "/api/v0/chat/completions"))
        self.assertEqual(one["choices"], other["choices"])
        text = {"prompt": "Hi", "temperature": 0, "max_tokens": 8}
        one, other = (self.server.post(path, text).json for path in ("/v1/completions", "/api/v0/completions"))
        self.assertEqual(one["choices"], other["choices"])
        self.assertEqual(len(self.server.post("/api/v0/embeddings", {"input": "Hi"}).json["data"]), 1)
        bad = self.server.post("/api/v0/chat/completions", {"messages": 1})
        self.assertEqual((bad.status, bad.error["param"]), (400, "messages"))
        self.assertEqual(self.server.post("/props", {}).status, 405)

    def test_slots_say_who_is_busy_and_with_nothing_of_it(self):
        self.assertEqual([slot["is_processing"] for slot in self.server.get("/slots").json], [False] * 3)
        sock = self.server.open_stream("/v1/completions", {**LONG, "max_tokens": 400, "stream": True})
        sock.recv(100)
        self.server.wait_until(lambda: self.server.get("/slots").json[0]["is_processing"] or not self.server.busy())
        self.assertEqual(set(self.server.get("/slots").json[0]), {"id", "n_ctx", "is_processing", "params"})
        sock.close()

    def test_head_is_get_without_its_body(self):
        for path in ("/health", "/v1/health", "/health/live", "/v1/models", "/v1/models/demo", "/props", "/api/tags",
                     "/api/version", "/api/v0/models", "/api/v1/models", "/v1/capabilities", "/"):
            with self.subTest(path):
                got, head = self.server.get(path), self.server.request("HEAD", path)
                self.assertEqual((head.status, head.headers["content-type"], head.body),
                                 (got.status, got.headers["content-type"], b""))
                if "health" not in path:  # whose body tells the time
                    self.assertEqual(head.headers["content-length"], got.headers["content-length"])
        for path in ("/api/hello", "/v1/chat/completions"):
            head = self.server.request("HEAD", path)
            self.assertIn(head.status, (404, 405))
            self.assertEqual(head.body, b"")


class Keys(unittest.TestCase):
    def test_they_take_a_key_where_one_is_asked_for(self):
        with Server("--api-key", "secret") as server:
            for path in ("/props", "/slots", "/api/v0/models", "/api/v1/models"):
                self.assertEqual(server.get(path).status, 401)
                self.assertEqual(server.get(path, headers={"Authorization": "Bearer secret"}).status, 200)
            self.assertEqual(server.get("/v1/health").status, 200)


if __name__ == "__main__":
    unittest.main()
