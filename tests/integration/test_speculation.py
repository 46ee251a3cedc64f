"""Guesses make answers faster and never others: whatever they come from, and whoever may see where they came from."""

import json
import os
import re
import subprocess
import unittest

from puna import BINARY, RUNNER, SOURCE, Server, SharedServer, clean_environment, shared_folder

SCHEMA = {"type": "object", "properties": {"identifier": {"enum": ["first_of_all", "first_of_none"]},
                                           "temperature_celsius": {"type": "integer", "minimum": 0, "maximum": 99}},
          "required": ["identifier", "temperature_celsius"], "additionalProperties": False}
FORM = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True}}


def ask(server, text, **more):
    reply = server.post("/v1/chat/completions", {"messages": [{"role": "user", "content": text}], "max_tokens": 80,
                                                 "temperature": 0, **more})
    assert reply.status == 200, reply.body
    return reply.json


def text_of(answer):
    return answer["choices"][0]["message"]["content"]


def by_source(answer):
    return {name: counts["accepted_tokens"] for name, counts in answer["usage"]["speculation"]["by_source"].items()}


def num_drafted(answer):  # a draft as slow as the model is asked a few times, and little comes true of so few
    return answer["usage"]["speculation"]["by_source"]["draft"]["proposed_tokens"]


class Speculation(SharedServer):
    def test_it_is_told_when_it_is_asked_for_and_can_be_turned_off(self):
        question = "Count from one to ten, twice."
        self.assertNotIn("speculation", ask(self.server, question)["usage"])
        off = ask(self.server, question, speculation=False)
        usage = off["usage"]["speculation"]
        self.assertEqual((usage["proposed_tokens"], usage["accepted_tokens"]), (0, 0))
        self.assertEqual(set(usage["by_source"]), {"prediction", "grammar", "lookup", "remembered", "draft"})
        for speculation in (True, {}, {"sources": ["lookup"]}, {"max": 2}, {"sources": [], "max": 0}):
            answer = ask(self.server, question, speculation=speculation)
            self.assertEqual(text_of(answer), text_of(off), speculation)
            usage = answer["usage"]["speculation"]
            self.assertLessEqual(usage["accepted_tokens"], usage["proposed_tokens"])
            self.assertEqual(answer["usage"]["completion_tokens"], off["usage"]["completion_tokens"])
        self.assertEqual(ask(self.server, question, speculation={"sources": []})["usage"]["speculation"]["proposed_tokens"], 0)
        reply = self.server.post("/v1/responses", {"input": "Hi", "max_output_tokens": 4, "speculation": False})
        self.assertEqual(reply.json["usage"]["speculation"]["proposed_tokens"], 0)

    def test_what_is_wrong_is_named(self):
        for value, param in ((3, "speculation"), ("lookup", "speculation"), ({"sources": "lookup"}, "speculation.sources"),
                             ({"sources": ["lookup", "oracle"]}, "speculation.sources[1]"), ({"max": -1}, "speculation.max"),
                             ({"n_max": 3}, "speculation.n_max")):
            reply = self.server.post("/v1/chat/completions",
                                     {"messages": [{"role": "user", "content": "Hi"}], "speculation": value})
            self.assertEqual((reply.status, reply.error["param"]), (400, param), value)

    def test_a_form_gives_the_same_with_and_without_log_probabilities_and_guesses(self):
        for temperature in (0, 0.9):
            for seed in range(4):
                answers = []
                for more in ({"speculation": False}, {}, {"logprobs": True}, {"logprobs": True, "speculation": False},
                             {"speculation": {"sources": ["grammar"]}}):
                    answer = ask(self.server, f"Measure {seed}", response_format=FORM, temperature=temperature, seed=seed, **more)
                    answers.append((text_of(answer), answer["usage"]["completion_tokens"]))
                self.assertEqual(len(set(answers)), 1, answers)

    def test_earlier_answers_are_looked_up_for_the_same_tenant_alone(self):
        def write(**more):
            return ask(self.server, "Tell me about rivers and the sea.", seed=3, temperature=1, max_tokens=120,
                       ignore_eos=True, speculation={"sources": ["remembered"]}, **more)
        first = write(cache_salt="one")
        self.assertEqual(by_source(first)["remembered"], 0)
        again = [write(cache_salt="one") for _ in range(3)]
        self.assertGreater(sum(by_source(answer)["remembered"] for answer in again), 5)
        other = write(cache_salt="two")
        self.assertEqual(other["usage"]["speculation"]["proposed_tokens"], 0)
        for answer in (*again, other):
            self.assertEqual(text_of(answer), text_of(first))
        samples = self.server.get("/metrics").body.decode()
        accepted = re.search(r'puna_spec_decode_num_accepted_tokens_total{source="remembered"} (\d+)', samples)
        self.assertGreater(int(accepted.group(1)), 5)
        self.assertIn('puna_spec_decode_num_accepted_tokens_per_pos_total{source="remembered",position="0"}', samples)


class DraftModel(unittest.TestCase):
    def test_a_draft_model_changes_nothing_and_is_counted(self):
        demo = os.path.join(SOURCE, "engine", "demo", "model")
        questions = ["What is a river?", "Write a list of colours.", "Count to nine."]
        with Server() as server:
            plain = [text_of(ask(server, question, temperature=t, seed=5)) for question in questions for t in (0, 1)]
        with Server("--draft-model", demo, "--draft-window", "32") as server:
            self.assertRegex(server.log(), r"draft model: plain, .*, weights \d+ MiB")
            answers = [ask(server, question, temperature=t, seed=5, speculation={"sources": ["draft"]})
                       for question in questions for t in (0, 1)]
            self.assertEqual([text_of(answer) for answer in answers], plain)
            self.assertGreater(sum(map(num_drafted, answers)), 0)
        plan = subprocess.run([*RUNNER, BINARY, "plan", "--draft-model", demo], env=clean_environment(), capture_output=True,
                              text=True, check=True).stdout
        self.assertRegex(plan, r"(?m)^draft model +.* of weights, .* for windows, and its part of the KV cache$")
        self.assertRegex(plan, r"(?m)^answers +1\d MiB to guess from 1000000 tokens of finished ones$")

    def test_the_demo_model_has_a_draft_of_its_own_which_can_be_turned_off(self):
        with open(os.path.join(SOURCE, "engine", "demo", "heldback.jsonl"), encoding="utf-8") as file:
            cases = [case for case in map(json.loads, file) if "messages" in case][::30]
        def answers(server):
            bodies = ({"messages": case["messages"], "tools": case.get("tools"), "max_tokens": 100, "temperature": t, "seed": 3,
                       "speculation": True} for case in cases for t in (0, 1))
            return [server.post("/v1/chat/completions", {k: v for k, v in body.items() if v is not None}).json for body in bodies]
        with Server("--draft-model", "off") as server:
            self.assertNotIn("draft model", server.log())
            plain = answers(server)
        with Server() as server:
            self.assertRegex(server.log(), r"draft model: PARD, .*, weights [12] MiB")
            drafted = answers(server)
        def said(answer):  # without the random ids of calls
            message = answer["choices"][0]["message"]
            return message.get("content"), [call["function"] for call in message.get("tool_calls") or []], \
                answer["choices"][0]["finish_reason"]
        self.assertEqual([said(answer) for answer in drafted], [said(answer) for answer in plain])
        self.assertEqual(sum(by_source(answer)["draft"] for answer in plain), 0)
        self.assertGreater(sum(by_source(answer)["draft"] for answer in drafted), 0)
        plans = [subprocess.run([*RUNNER, BINARY, "plan", *more], env=clean_environment(), capture_output=True, text=True,
                                check=True).stdout for more in ((), ("--draft-model", "off"), ("--model", "random:llama-3.2-1b"))]
        self.assertEqual([("draft model" in plan) for plan in plans], [True, False, False])

    @unittest.skipUnless(shared_folder(), "skipped: no golden data")
    def test_a_draft_of_another_family_is_refused_at_start(self):
        draft = os.path.join(shared_folder(), "golden", "speculation", "draft")
        result = subprocess.run([*RUNNER, BINARY, "serve", "--port", "0", "--draft-model", draft], env=clean_environment(),
                                capture_output=True, text=True, timeout=600, check=False)
        self.assertNotEqual(result.returncode, 0)
        self.assertRegex(result.stderr, r"draft_model: draft: .*choose a draft of the model's own family")

    @unittest.skipUnless(shared_folder(), "skipped: no golden data")
    def test_a_pard_draft_is_told_by_its_files_and_is_asked(self):
        folder = os.path.join(shared_folder(), "golden", "speculation")
        with Server("--model", os.path.join(folder, "target"), "--draft-model", os.path.join(folder, "pard")) as server:
            self.assertIn("draft model: PARD", server.log())
            body = {"prompt": "The ", "max_tokens": 100, "temperature": 0, "ignore_eos": True}
            plain = server.post("/v1/completions", {**body, "speculation": False}).json
            drafted = [server.post("/v1/completions", {**body, "speculation": {"sources": ["draft"]}}).json for _ in range(3)]
            for answer in drafted:
                self.assertEqual(answer["choices"][0]["text"], plain["choices"][0]["text"])
            self.assertGreater(sum(map(num_drafted, drafted)), 0)


if __name__ == "__main__":
    unittest.main()
