"""A cache that explains itself: include_cache_report."""

import json
import os
import signal
import unittest

from puna import Server, SharedServer, TemporaryFolder
from test_operation import metrics

SYSTEM = "You are a helpful assistant who answers in short sentences. " * 8


def report(reply, usage="usage"):
    assert reply.status == 200, reply.body
    found = reply.json[usage]["cache_report"]
    counted = sum(found[name] for name in ("memory_tokens", "disk_tokens", "copied_tokens", "computed_tokens"))
    tokens = reply.json[usage]
    assert counted == tokens.get("prompt_tokens", tokens.get("input_tokens")), reply.body
    return found


class Reports(SharedServer):
    def ask(self, text, **more):
        return self.server.complete(text, max_tokens=1, include_cache_report=True, **more)

    def test_the_first_difference_is_named(self):
        first = report(self.ask(SYSTEM + "The time is 12:34:56 now. Go on."))
        self.assertEqual(first["first_difference"]["reason"] in ("not_kept", "different"), True)
        again = report(self.ask(SYSTEM + "The time is 12:34:56 now. Go on."))
        self.assertEqual((again["computed_tokens"], again["first_difference"]), (1, None))
        other = report(self.ask(SYSTEM + "The time is 12:41:07 now. Go on."))
        difference = other["first_difference"]
        self.assertEqual((difference["reason"], difference["kind"]), ("different", "time"))
        self.assertEqual(difference["position"], other["memory_tokens"] + other["copied_tokens"])
        self.assertIn("time is", difference["context"])
        self.assertNotEqual(difference["now"], difference["before"])
        self.assertIn("now", difference["now"])

    def test_nothing_is_said_unasked(self):
        self.assertNotIn("cache_report", self.server.complete("Hi", max_tokens=1).json["usage"])
        bad = self.server.complete("Hi", include_cache_report="yes")
        self.assertEqual((bad.status, bad.error["param"]), (400, "include_cache_report"))

    def test_every_door_and_streams(self):
        messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": "Hi"}]
        body = {"messages": messages, "max_tokens": 1, "include_cache_report": True}
        report(self.server.post("/v1/chat/completions", body))
        self.assertIsNone(report(self.server.post("/v1/chat/completions", body))["first_difference"])
        streamed = {**body, "stream": True, "stream_options": {"include_usage": True}}
        events = self.server.post("/v1/chat/completions", streamed).events()
        self.assertIn("cache_report", json.loads(events[-2])["usage"])
        report(self.server.post("/v1/responses", {"input": "Hi", "max_output_tokens": 16, "include_cache_report": True}))
        several = self.server.complete([SYSTEM + "one", SYSTEM + "two"], max_tokens=1, n=2, include_cache_report=True)
        report(several)

    def test_log_probabilities_of_the_prompt_are_computed_and_say_so(self):
        text = SYSTEM + "Once more."
        report(self.ask(text))
        found = report(self.ask(text, echo=True, logprobs=1))
        self.assertEqual(found["first_difference"]["reason"], "logprobs_of_prompt_wanted")


class WhatOthersAsked(TemporaryFolder):
    def test_it_is_shown_to_nobody(self):
        with Server("--api-key", "one,two") as server:
            def ask(key, text, **more):
                body = {"prompt": text, "max_tokens": 1, "include_cache_report": True, **more}
                return report(server.post("/v1/completions", body, headers={"Authorization": "Bearer " + key}))
            ask("one", SYSTEM + "My secret is cucumber and nothing else.")
            found = ask("two", SYSTEM + "My secret is what is it now then.")["first_difference"]
            self.assertEqual(found["reason"], "different")
            self.assertNotIn("before", found)
            ask("one", SYSTEM + "My secret is cucumber and nothing else.", cache_salt="ours")
            found = ask("two", SYSTEM + "My secret is what is it now then.", cache_salt="ours")["first_difference"]
            self.assertIn("before", found)
        for options in (("--api-key", "one"), ("--host", "0.0.0.0")):
            with Server(*options) as server:
                for text in ("My secret is cucumber.", "My secret is what?"):
                    reply = server.post("/v1/completions", {"prompt": SYSTEM + text, "max_tokens": 1, "include_cache_report": True},
                                        headers={"Authorization": "Bearer one"})
                self.assertNotIn("before", report(reply)["first_difference"])

    def test_keys_that_come_with_a_reload_end_it(self):
        config = self.write("puna.json", "{}")
        with Server("--config", config) as server:
            def difference(number, **headers):
                for text in (f"My secret {number} is cucumber.", f"My secret {number} is what?"):
                    reply = server.post("/v1/completions", {"prompt": SYSTEM + text, "max_tokens": 1, "include_cache_report": True},
                                        headers=headers)
                return report(reply)["first_difference"]
            self.assertIn("before", difference(1))
            keys = self.write("keys", "one\n")
            self.write("puna.json", json.dumps({"api_key_file": keys}))
            server.process.send_signal(signal.SIGHUP)
            server.wait_for_log("read again: keys")
            self.assertEqual(server.post("/v1/completions", {"prompt": "Hi", "max_tokens": 1}).status, 401)
            self.assertNotIn("before", difference(2, Authorization="Bearer one"))
            self.write("puna.json", "{}")  # what was asked with keys is still in the cache
            server.process.send_signal(signal.SIGHUP)
            server.wait_until(lambda: server.complete("Hi", max_tokens=1).status == 200)
            self.assertNotIn("before", difference(3))

    def test_what_came_from_the_disk_and_what_is_off(self):
        ids = [30 + i * i % 400 for i in range(1900)]
        options = ("--kv-disk-path", os.path.join(self.folder, "kv"), "--kv-disk-gib", "0.5")
        with Server(*options) as server:
            report(server.complete(ids, max_tokens=1, include_cache_report=True))
        with Server(*options) as server:
            found = report(server.complete(ids, max_tokens=1, include_cache_report=True))
            self.assertGreaterEqual(found["disk_tokens"], 1800)
            self.assertEqual(found["memory_tokens"], 0)
            report(server.complete(ids[:1000] + [7] * 100, max_tokens=1, include_cache_report=True))
            # Figures are told behind the answer.
            server.wait_until(lambda: metrics(server)['puna_prefix_cache_hit_tokens_total{tier="memory"}'] > 900)
            counted = metrics(server)
            tiers = {tier: counted[f'puna_prefix_cache_hit_tokens_total{{tier="{tier}"}}'] for tier in ("memory", "disk", "copied")}
            self.assertEqual(tiers["disk"], found["disk_tokens"])
            self.assertGreater(tiers["copied"], 0)
            self.assertEqual(sum(tiers.values()), counted["puna_prefix_cache_hits_total"])
            self.assertGreater(counted["puna_prefix_cache_saved_seconds_total"], 0)
        with Server("--no-prefix-caching") as server:
            found = report(server.complete("Hello", max_tokens=1, include_cache_report=True))
            self.assertEqual(found["first_difference"]["reason"], "prefix_caching_off")


if __name__ == "__main__":
    unittest.main()
