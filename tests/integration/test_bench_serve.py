"""puna bench serve, against the real server and against none; puna bench window."""

import json
import socket
import unittest

from puna import SharedServer, run

SMALL = ("--prompt-tokens", "12", "--system-tokens", "120", "--tool-tokens", "16", "--max-tokens", "12", "--ignore-eos")


class Load(SharedServer):
    def bench(self, *arguments, path=""):
        return run("bench", "serve", "--url", f"http://127.0.0.1:{self.server.port}{path}", *SMALL, *arguments)

    def json(self, *arguments, **more):
        result = self.bench("--json", *arguments, **more)
        self.assertEqual(result.returncode, 0, result.stderr + result.stdout)
        report = json.loads(result.stdout)
        self.assertEqual((report["failed"], report["errors"]), (0, {}))
        return report

    def test_agents_find_their_history_in_the_cache(self):
        report = self.json("--scenario", "agents", "--parallel", "2", "--turns", "3", "--requests", "6")
        self.assertEqual((report["model"], report["answered"], report["output_tokens"]), ("puna-demo", 6, 72))
        self.assertFalse(report["output_tokens_counted"])
        self.assertEqual(report["first_token_ms"]["count"], 6)
        for request in report["requests"]:
            self.assertEqual((request["status"], request["output_tokens"]), (200, 12))
            self.assertLessEqual(request["first_token_ms"], request["whole_answer_ms"])
            if request["turn"] > 0:
                self.assertGreater(request["cached_tokens"], 120)
        self.assertGreater(report["cache"]["cached_tokens"], 0)

    def test_chats_arrive_by_themselves(self):
        report = self.json("--scenario", "chat", "--rate", "50", "--requests", "5", path="/v1/")
        self.assertEqual(report["answered"], 5)
        self.assertEqual(len({r["prompt_tokens"] for r in report["requests"]} - {None}) > 1, True)

    def test_a_long_prompt_among_short_streams(self):
        report = self.json("--scenario", "long", "--parallel", "2", "--requests", "4", "--long-tokens", "200")
        self.assertEqual([r["kind"] for r in report["requests"]], ["long alone", "short", "short", "long"])
        self.assertGreater(report["long_prompt"]["first_token_alone_ms"], 0)
        self.assertGreater(report["long_prompt"]["first_token_among_ms"], 0)

    def test_the_table(self):
        result = self.bench("--scenario", "chat", "--rate", "50", "--requests", "2")
        self.assertEqual(result.returncode, 0)
        for words in ("2 of 2 requests answered, 0 failed", "first token", "output tokens/s", "prompt tokens"):
            self.assertIn(words, result.stdout)

    def test_refusals_are_counted_and_shown(self):
        result = self.bench("--scenario", "chat", "--rate", "50", "--requests", "3", "--model", "another")
        self.assertEqual(result.returncode, 1)
        self.assertIn("3 x HTTP 404: ", result.stdout)

    def test_the_time_is_bounded(self):
        result = self.bench("--scenario", "chat", "--rate", "0.001", "--requests", "2", "--timeout", "0.5", "--json")
        report = json.loads(result.stdout)
        self.assertEqual((report["planned"], report["sent"]), (2, 1))


class Keys(SharedServer):
    arguments = ("--api-key", "secret")

    def test_a_key_is_sent(self):
        url = f"http://127.0.0.1:{self.server.port}"
        options = ("bench", "serve", "--url", url, *SMALL, "--scenario", "chat", "--requests", "1")
        self.assertEqual(run(*options, env={"PUNA_BENCH_API_KEY": "secret"}).returncode, 0)
        result = run(*options)
        self.assertEqual(result.returncode, 1)
        self.assertIn("1 x HTTP 401: ", result.stdout)


class Nobody(unittest.TestCase):
    def test_no_server(self):
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))  # taken, and nobody listens
            result = run("bench", "serve", "--url", f"http://127.0.0.1:{sock.getsockname()[1]}", "--requests", "8", *SMALL)
        self.assertEqual(result.returncode, 1)
        self.assertIn("2 x no answer: ", result.stdout)
        self.assertIn("6 not sent", result.stdout)

    def test_wrong_options(self):
        for arguments, words in ((("--url", "localhost"), "expected a URL"), (("--scenario", "x"), "--scenario")):
            result = run("bench", "serve", *arguments)
            self.assertNotEqual(result.returncode, 0)
            self.assertIn(words, result.stderr)


class Window(unittest.TestCase):
    def test_who_looks_costs_next_to_nothing(self):
        result = run("bench", "window", "--turns", "1", "--parallel", "2", "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        figures = json.loads(result.stdout)
        self.assertEqual(figures["scenario"], "window")
        self.assertGreater(figures["quiet_step_ms"], 0)
        self.assertGreater(figures["event_bytes"], 500)
        # 0.5 % on a machine of one's own; here others compute, and a thread that waits for its turn counts as busy.
        self.assertGreater(figures["pictures_percent"], 0)
        self.assertLess(figures["pictures_percent"], 3)
        self.assertLess(figures["events_percent"], 3)


if __name__ == "__main__":
    unittest.main()
