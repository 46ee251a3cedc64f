"""puna replay: what one instruction set computed, every other one of this processor computes again, to the bit."""

import os
import re
import unittest

from puna import TemporaryFolder, run

KINDS = (("--weights", "w4a8", "--kv-cache-dtype", "int8"), ("--weights", "w8a8", "--kv-cache-dtype", "int8"))


def sets():
    names = re.search(r"use one of: (.*)", run("replay", "--record", "x", "--isa", "mmx").stderr).group(1)
    return [name for name in names.strip().split(", ") if name != "auto"]


class Replay(TemporaryFolder):
    def record(self, *kind):
        path = os.path.join(self.folder, "run.jsonl")
        done = run("replay", "--record", path, *kind, "--isa", "scalar", "--requests", "6", "--generate", "12", "--threads", "2")
        self.assertEqual(done.returncode, 0, done.stderr)
        return path

    def test_every_set_answers_the_same(self):
        self.assertIn("scalar", sets())
        for kind in KINDS:
            path = self.record(*kind)
            for isa in sets():
                done = run("replay", path, *kind, "--isa", isa, "--threads", "1")
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                self.assertIn("6 requests, 72 tokens, equal to the bit", done.stdout)

    def test_what_differs_is_told(self):
        path = self.record(*KINDS[0])
        with open(path, encoding="utf-8") as file:
            text = file.read()
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace('"ids":[', '"ids":[7,', 1))
        done = run("replay", path, *KINDS[0])
        self.assertEqual(done.returncode, 1)
        self.assertIn("request 0: token 0 is", done.stdout)

    def test_another_model_is_refused(self):
        path = self.record(*KINDS[0])
        done = run("replay", path, *KINDS[1])
        self.assertEqual(done.returncode, 1)
        self.assertIn("is of another model", done.stderr)
        self.assertIn("cannot be read", run("replay", os.path.join(self.folder, "nowhere")).stderr)


if __name__ == "__main__":
    unittest.main()
