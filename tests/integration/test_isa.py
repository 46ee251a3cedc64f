"""The whole binary forced to each instruction set that this processor has, one after the other, and refused the others by name.

With weights of integers and an int8 cache every set gives the same bits, so what one of them does to a probability shows."""

import re
import unittest

from puna import Server, run

INTEGERS = ("--weights", "w8a8", "--kv-cache-dtype", "int8")
REQUESTS = (
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": "What is the capital of France?"}], "temperature": 0,
                              "logprobs": True, "top_logprobs": 5}),
    ("/v1/completions", {"prompt": "Once upon a time " * 40, "temperature": 1.3, "seed": 3, "top_k": 40, "top_p": 0.95,
                         "min_p": 0.01,
                         "max_tokens": 60, "ignore_eos": True, "n": 4, "logprobs": 3, "frequency_penalty": 0.5}),
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": "An object."}], "temperature": 1.5, "seed": 2,
                              "max_tokens": 80, "logprobs": True, "response_format": {"type": "json_object"}}),
    ("/v1/embeddings", {"input": ["Paris is a city.", "word " * 200]}),
)


def known_sets():
    """All names that --isa takes, the plainest first."""
    names = re.search(r"--isa SET .*?\[auto\|([a-z0-9|]+),", run("serve", "--help").stdout, re.DOTALL).group(1)
    return sorted(names.split("|"), key=lambda name: name != "scalar")


def answers(isa):
    """What a server forced to this set answers, without ids and times; None where the processor lacks it."""
    try:
        server = Server(*INTEGERS, "--isa", isa)
    except AssertionError as error:
        if re.search(f"isa: '{isa}' is not available on this processor; use one of: auto, scalar", str(error)):
            return None
        raise
    with server:
        replies = [server.post(path, body) for path, body in REQUESTS]
        assert all(reply.status == 200 for reply in replies), [reply.body for reply in replies]
        return [reply.json.get("choices") or reply.json["data"] for reply in replies]


class Isa(unittest.TestCase):
    def test_each_set_of_this_processor_gives_the_same_answers(self):
        first, *others = known_sets()
        self.assertEqual(first, "scalar")
        expected, found = answers(first), [first]
        self.assertIn("Paris", expected[0][0]["message"]["content"])
        for isa in others:
            given = answers(isa)
            if given is not None:
                self.assertEqual(given, expected, isa)
                found.append(isa)
        print("forced to", ", ".join(found))

    def test_what_is_no_set_is_refused(self):
        result = run("serve", "--port", "0", "--isa", "mmx")
        self.assertEqual(result.returncode, 2)
        self.assertIn('found "mmx", expected one of auto', result.stderr)


if __name__ == "__main__":
    unittest.main()
