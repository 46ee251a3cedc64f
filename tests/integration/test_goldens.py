"""The micro models of the shared golden data, served and checked from outside: token ids in, log-probabilities out.

Tolerances are those of golden/models/README.md for bf16. Of the reference only the 20 most likely tokens of each position are
known, and ours are the 20 most likely too, so that differences are taken over the tokens in both.
"""

import array
import ast
import json
import math
import os
import struct
import unittest

from puna import Server, shared_folder

SHARED = shared_folder()
MAX_MEAN_KL = 0.005
MAX_RMS = 0.15
MIN_TOP1 = 0.9
# Two tokens that are closer may change places when bf16 rounds: the goldens' own bf16 run is 0.077 rms off in a logit where it is
# furthest off (a p300), so the distance of two of them is 0.11 off.
SAFE_MARGIN = 0.11


def load_npy(path):
    """Rows of an .npy file of version 1.0, little endian, C order, with at most two axes."""
    with open(path, "rb") as file:
        magic = file.read(10)
        header = ast.literal_eval(file.read(struct.unpack("<H", magic[8:10])[0]).decode())
        values = array.array({"<f4": "f", "<i4": "i"}[header["descr"]])
        values.frombytes(file.read())
    shape = header["shape"]
    if len(shape) == 1:
        return list(values)
    return [list(values[row * shape[1]:(row + 1) * shape[1]]) for row in range(shape[0])]


def comparable(greedy):
    """How many tokens of a greedy continuation a bf16 run must share."""
    same = greedy.get("bf16_reference_same_for", len(greedy["ids"]))
    close = (i for i, margin in enumerate(greedy["margins"]) if margin < SAFE_MARGIN)
    return min(same, next(close, same))


def ids_of(top):
    """{"token_id:5": -0.1} as {5: -0.1}."""
    return {int(name.split(":")[1]): logprob for name, logprob in top.items()}


@unittest.skipUnless(SHARED, "skipped: no shared golden data (set PUNA_SHARED or put it at ../shared)")
class Goldens(unittest.TestCase):
    maxDiff = None

    def complete(self, server, ids, **more):
        reply = server.complete(ids, temperature=0, return_tokens_as_token_ids=True, **more)
        self.assertEqual(reply.status, 200, reply.body[:500])
        return reply.json["choices"][0]

    def compare(self, name, reference_ids, reference_logprobs, tops):
        """Distributions of each position against the reference."""
        divergence, squares, count, agree = 0.0, 0.0, 0, 0
        for ids, logprobs, top in zip(reference_ids, reference_logprobs, tops):
            for token, logprob in zip(ids, logprobs):
                if token in top:
                    divergence += math.exp(logprob) * (logprob - top[token])
                    squares += (logprob - top[token]) ** 2
                    count += 1
                else:
                    self.assertLess(math.exp(logprob), 0.1, f"{name}: a likely token is missing")
            agree += max(top, key=top.get) == ids[0]
        positions = len(tops)
        self.assertEqual(len(reference_ids), positions)
        self.assertLessEqual(divergence / positions, MAX_MEAN_KL, name)
        self.assertLessEqual(math.sqrt(squares / count), MAX_RMS, name)
        if positions >= 64:
            self.assertGreaterEqual(agree / positions, MIN_TOP1, name)

    def check_prompt(self, server, folder, name, prompt):
        ids = prompt["ids"]
        choice = self.complete(server, ids, echo=True, logprobs=20, max_tokens=1)
        logprobs = choice["logprobs"]
        self.assertEqual([int(t.split(":")[1]) for t in logprobs["tokens"]][:-1], ids)
        self.assertIsNone(logprobs["token_logprobs"][0])
        tops = [ids_of(top) for top in logprobs["top_logprobs"][1:]]
        for token, top, logprob in zip(ids[1:], tops, logprobs["token_logprobs"][1:]):
            self.assertEqual(top[token], logprob)
        self.compare(f"{folder} {name}", load_npy(f"{folder}/golden/{name}.top20_ids.npy"),
                     load_npy(f"{folder}/golden/{name}.top20_logprobs.npy"), tops)
        self.check_greedy(server, f"{folder} {name}", ids, prompt["greedy"])

    def check_greedy(self, server, name, ids, greedy):
        same = comparable(greedy)
        self.assertGreater(same, 0)
        choice = self.complete(server, ids, logprobs=1, max_tokens=same, ignore_eos=True)
        ours = [int(t.split(":")[1]) for t in choice["logprobs"]["tokens"]]
        self.assertEqual(ours, greedy["ids"][:same], name)
        for a, b in zip(choice["logprobs"]["token_logprobs"], greedy["logprobs"]):
            self.assertAlmostEqual(a, b, delta=0.5)
        self.assertEqual(choice["finish_reason"], "length")

    def check_end(self, server, golden):
        end = golden["greedy_to_eos"]
        choice = self.complete(server, end["ids"], max_tokens=64, logprobs=0)
        self.assertEqual(choice["text"], end["text_out"])
        self.assertEqual(choice["finish_reason"], "stop")

    def check_long(self, server, folder, golden):
        ids = load_npy(f"{folder}/golden/{golden['long']['ids_file']}")
        self.check_greedy(server, f"{folder} long", ids, golden["long"]["greedy"])
        first, last = golden["long"]["positions_kept"]
        logprobs = self.complete(server, ids, echo=True, logprobs=20, max_tokens=1)["logprobs"]
        tops = [ids_of(top) for top in logprobs["top_logprobs"][first + 1:last + 2]]
        self.compare(f"{folder} long", load_npy(f"{folder}/golden/long.top20_ids.npy"),
                     load_npy(f"{folder}/golden/long.top20_logprobs.npy"), tops)

    def check_chat(self, server, chat):
        body = {"messages": chat["messages"]}
        if chat.get("tools") is not None:
            body["tools"] = chat["tools"]
        if chat.get("date_string"):
            body["chat_template_kwargs"] = {"date_string": chat["date_string"]}
        ids = server.post("/tokenize", body).json["tokens"]
        self.assertEqual(ids, chat["prompt_ids"])
        self.check_greedy(server, "chat", ids, chat["greedy"])
        same = comparable(chat["greedy"])
        tokens = server.post("/v1/chat/completions", {**body, "temperature": 0, "max_tokens": same, "ignore_eos": True,
                                                      "logprobs": True, "return_tokens_as_token_ids": True}).json
        entries = tokens["choices"][0]["logprobs"]["content"]
        self.assertEqual([int(e["token"].split(":")[1]) for e in entries], chat["greedy"]["ids"][:same])

    def check_model(self, name, threads):
        folder = os.path.join(SHARED, "golden", "models", name)
        with open(os.path.join(folder, "golden", "golden.json"), encoding="utf-8") as file:
            golden = json.load(file)
        with Server("--model", folder, "--threads", str(threads), "--weights", "bf16") as server:
            for prompt_name, prompt in golden["prompts"].items():
                with self.subTest(prompt=prompt_name):
                    self.check_prompt(server, folder, prompt_name, prompt)
            with self.subTest("end"):
                self.check_end(server, golden)
            for number, chat in enumerate(golden["chats"]):
                with self.subTest(chat=number):
                    self.check_chat(server, chat)
            if golden.get("long"):
                with self.subTest("long"):
                    self.check_long(server, folder, golden)

    def test_a(self):
        self.check_model("a", threads=2)

    def test_b(self):
        self.check_model("b", threads=1)

    def test_c(self):
        self.check_model("c", threads=2)

    def test_gguf_file_alone(self):
        """Nothing but the one file: its tokenizer and its chat template are inside."""
        with open(os.path.join(SHARED, "golden", "models", "a", "golden", "golden.json"), encoding="utf-8") as file:
            chats = json.load(file)["chats"]
        with Server("--model", os.path.join(SHARED, "golden", "formats", "gguf", "a1-Q4_0", "a1-Q4_0.gguf")) as server:
            for chat in chats:
                body = {"messages": chat["messages"], "tools": chat.get("tools"),
                        "chat_template_kwargs": {"date_string": chat["date_string"]} if chat.get("date_string") else None}
                ids = server.post("/tokenize", {k: v for k, v in body.items() if v is not None}).json["tokens"]
                self.assertEqual(ids, chat["prompt_ids"])
            reply = server.post("/v1/chat/completions", {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4})
            self.assertEqual(reply.status, 200, reply.body[:500])


if __name__ == "__main__":
    unittest.main()
