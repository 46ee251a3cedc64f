"""The KV cache on disk: kill -9, restarts, several servers, damaged files. PUNA_KILLS is how often a server is killed under
load."""

import http.client
import os
import random
import re
import signal
import stat
import threading
import time
import unittest

from puna import HANG_SECONDS, Server, TemporaryFolder, run
from test_operation import metrics

KILLS = int(os.environ.get("PUNA_KILLS", "4"))
OPTIONS = ("--weights", "w8a8", "--kv-cache-dtype", "int8", "--max-num-batched-tokens", "256")
TOKENS = 1900


def prompt(text, length=TOKENS):
    """Ids of the demo model's vocabulary; texts share nothing but for their first 320 ids, by threes."""
    shared = [30 + (text // 3 * 17 + i * i) % 400 for i in range(320)]
    return (shared + [30 + (text * 31 + i * (text + 3)) % 400 for i in range(length)])[:length]


def answer(reply):
    """What must be the same to the bit."""
    assert reply.status == 200, reply.body
    choice = reply.json["choices"][0]
    return choice["text"], choice["logprobs"]["token_logprobs"]


def cached(reply):
    return reply.json["usage"]["prompt_tokens_details"]["cached_tokens"]


class DiskCache(TemporaryFolder):
    cold_answers = {}  # text and length -> what a server without a disk says

    def serve(self, *more, gib="0.5"):
        return Server(*OPTIONS, "--kv-disk-path", os.path.join(self.folder, "kv"), "--kv-disk-gib", gib, *more)

    def ask(self, server, text, length=TOKENS):
        return server.complete(prompt(text, length), max_tokens=6, temperature=0, logprobs=1, ignore_eos=True)

    def cold(self, text, length=TOKENS):
        if (text, length) not in self.cold_answers:
            with Server(*OPTIONS, "--no-prefix-caching") as server:
                for t in range(6):
                    self.cold_answers[t, length] = answer(self.ask(server, t, length))
        return self.cold_answers[text, length]

    def check(self, server, text, length=TOKENS):
        reply = self.ask(server, text, length)
        self.assertEqual(answer(reply), self.cold(text, length))
        return cached(reply)

    def wait_until_written(self, server, blocks):
        server.wait_until(lambda: metrics(server)["puna_kv_disk_blocks"] >= blocks)

    def kill(self, server):
        server.process.kill()
        server.wait()

    def files(self):
        folder = os.path.join(self.folder, "kv")
        return [os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".kv")]

    def test_kill_and_restart(self):
        with self.serve() as server:
            self.assertEqual(self.check(server, 1), 0)
            self.wait_until_written(server, TOKENS // 16)
            self.kill(server)
        with self.serve() as server:
            self.assertGreaterEqual(self.check(server, 1), TOKENS - 16)
            self.assertGreaterEqual(metrics(server)["puna_kv_disk_hit_tokens_total"], TOKENS - 16)
            self.assertIn("KV cache on disk: ", server.log())
        for path in self.files():
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(os.stat(os.path.join(self.folder, "kv")).st_mode), 0o700)

    def test_what_is_worth_keeping_is_written_before_the_end(self):
        with self.serve() as server:
            self.check(server, 2)
            server.process.send_signal(signal.SIGTERM)
            self.assertEqual(server.wait(), 0)
        with self.serve() as server:
            self.assertGreaterEqual(self.check(server, 2), TOKENS - 16)

    def test_two_servers_share_a_folder_while_both_run(self):
        with self.serve() as first, self.serve() as second:
            self.check(first, 3)
            self.wait_until_written(second, TOKENS // 16)
            self.assertGreaterEqual(self.check(second, 3), TOKENS - 16)
            self.kill(first)
            self.assertGreaterEqual(self.check(second, 3), TOKENS - 16)

    def test_another_cache_format_and_other_weights_find_nothing(self):
        with self.serve() as server:
            self.check(server, 1)
        for other in (("--kv-cache-dtype", "bf16"), ("--weights", "w4a8")):
            with self.serve(*other) as server:
                server.wait_until(lambda: metrics(server)["puna_kv_disk_ready"] == 1)
                self.assertEqual(metrics(server)["puna_kv_disk_blocks"], 0)
                self.assertEqual(cached(self.ask(server, 1)), 0)

    def test_a_salt_divides_it(self):
        for salt in ("a", "b"):
            with self.serve() as server:
                for expected in (0, TOKENS - 16):
                    reply = server.complete(prompt(1), max_tokens=6, temperature=0, logprobs=1, ignore_eos=True, cache_salt=salt)
                    self.assertEqual(answer(reply), self.cold(1))
                    self.assertGreaterEqual(cached(reply), expected)
                    self.assertLessEqual(cached(reply), expected + 16)
        with self.serve() as server:
            self.assertEqual(server.complete("Hi", cache_salt="").error["param"], "cache_salt")
            self.assertLess(self.check(server, 1), 16)

    def test_damaged_files_cost_warmth_only(self):
        with self.serve() as server:
            for text in range(3):
                self.check(server, text)
        order = random.Random(5)
        for _ in range(3):
            for path in self.files():
                with open(path, "r+b") as file:
                    size = os.path.getsize(path)
                    for _ in range(20):
                        file.seek(order.randrange(size))
                        file.write(bytes([order.randrange(256)]))
                    if order.randrange(3) == 0:
                        file.truncate(order.randrange(size))
            with self.serve() as server:
                for text in range(3):
                    self.check(server, text)

    def test_the_limit_holds(self):
        with self.serve(gib="0.02") as server:
            for text in range(6):
                self.check(server, text)
                self.check(server, text, 1200)
            server.wait_until(lambda: metrics(server)["puna_kv_disk_written_bytes_total"] > 0)
            self.assertLessEqual(sum(os.path.getsize(path) for path in self.files()), 0.02 * 2**30)

    def test_a_folder_that_is_none_does_not_keep_the_server_from_serving(self):
        self.write("kv", "no folder")
        with self.serve() as server:
            self.check(server, 1)
            self.assertIn("serving without a KV cache on disk", server.log())

    def test_plan_counts_it(self):
        with_disk = run("plan", "--kv-disk-path", self.folder, "--kv-disk-gib", "1").stdout
        self.assertRegex(with_disk, r"KV on disk +1024 MiB at most in .*: \d+ tokens; \d+ MiB of memory")
        self.assertNotIn("KV on disk", run("plan").stdout)

    def cache(self, *arguments):
        return run("cache", *arguments, "--kv-disk-path", os.path.join(self.folder, "kv"))

    def test_the_command_lists_verifies_and_clears_under_a_running_server(self):
        blocks = (TOKENS + 5) // 16  # of the prompt, and of what it was answered but for the last token
        with self.serve() as server:
            self.check(server, 1)
            self.wait_until_written(server, blocks)
            listed = self.cache("list").stdout
            self.assertRegex(listed, r"kv: [\d.]+ [kM]B, 1 models\n\n\S.*, w8a8\n  fingerprint   [0-9a-f]{32}\n")
            self.assertIn(f": {blocks * 16} tokens\n", listed)
            verified = self.cache("verify")
            self.assertEqual(verified.stdout, f"{blocks} blocks are what was written, 0 are not\n")
            self.assertEqual(verified.returncode, 0)
            with open(self.files()[0], "r+b") as file:
                file.seek(10000)
                byte = file.read(1)[0]
                file.seek(10000)
                file.write(bytes([byte ^ 1]))
            verified = self.cache("verify")
            self.assertEqual(verified.returncode, 1)
            self.assertIn(".kv: the block at byte 8192 is not what was written\n", verified.stdout)
            self.assertEqual(self.cache("clear").returncode, 1)
            self.assertIn("nobody is not in", self.cache("clear", "nobody").stderr)
            name = listed.split("\n")[2].split(", ")[0]
            self.assertRegex(self.cache("clear", name).stdout, r", w8a8: [\d.]+ [kM]B in 1 files are free\n")
            self.assertEqual(self.files(), [])
            server.wait_until(lambda: metrics(server)["puna_kv_disk_blocks"] == 0)
            self.check(server, 1)
            self.check(server, 2)
            self.wait_until_written(server, 1)
            self.assertRegex(self.cache("list").stdout, r"\n\n\S.*, w8a8\n")
            self.assertRegex(self.cache("clear", "all").stdout, r" in \d+ files are free\n")
        self.assertIn("--kv-disk-path", run("cache", "list").stderr)
        self.assertIn("No such file", run("cache", "list", "--kv-disk-path", os.path.join(self.folder, "none")).stderr)
        self.assertEqual(run("cache", "list", "all", "--kv-disk-path", self.folder).returncode, 2)

    def test_killed_at_random_moments_under_load(self):
        order = random.Random(int(os.environ.get("PUNA_SEED", "1")))
        self.cold(0)
        self.cold(0, 1200)
        found = 0
        for _ in range(KILLS):
            with self.serve(gib="0.03") as server:
                for text in order.sample(range(6), 2):
                    found += self.check(server, text, order.choice((1200, TOKENS)))
                threads = [threading.Thread(target=self.load, args=(server, order.randrange(6))) for _ in range(3)]
                for thread in threads:
                    thread.start()
                time.sleep(order.random() * 1.5)
                self.kill(server)
                for thread in threads:
                    thread.join(HANG_SECONDS)
        self.assertGreater(found, 0)

    def load(self, server, text):
        """Asks until the server is gone."""
        try:
            while True:
                self.ask(server, text, 1200)
                text = (text + 1) % 6
        except (OSError, http.client.HTTPException):
            pass


if __name__ == "__main__":
    unittest.main()
