"""What the tests of ../shared/cases/api have in common: requests as users of other servers reported them, with what is right."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

from puna import shared_folder

SHARED = shared_folder()
CASES = os.path.join(SHARED or "", "cases", "api")
HERE = unittest.skipUnless(os.path.isdir(CASES), "no ../shared/cases/api")
CHAT = "/v1/chat/completions"
CHECKED = set()  # numbers of the cases that a test is for


def covers(*names):
    """Says which cases a test sends."""
    CHECKED.update(names)
    return lambda test: test


def body(name):
    with open(os.path.join(CASES, name + ".json"), "rb") as file:
        return file.read()


def case(name, **more):
    return {**json.loads(body(name)), **more}


def generated(name, *arguments):
    """What NN.gen.py writes."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, os.path.join(CASES, name + ".gen.py"), *arguments], cwd=folder, check=True)
        with open(os.path.join(folder, name + ".json"), encoding="utf-8") as file:
            return json.load(file)


def message(reply):
    return reply.json["choices"][0]["message"]


def joined(reply):
    """Content and calls of a stream, as a whole answer has them; indexes must be in order."""
    content, calls = "", []
    for event in reply.events():
        if event == "[DONE]":
            continue
        for choice in json.loads(event)["choices"]:
            delta = choice["delta"]
            content += delta.get("content") or ""
            for call in delta.get("tool_calls") or []:
                assert call["index"] in (len(calls) - 1, len(calls)), call
                if call["index"] == len(calls):
                    calls.append([call["id"], call["function"]["name"], ""])
                calls[-1][2] += call["function"].get("arguments", "")
    return content, [[name, arguments] for _, name, arguments in calls], [name for name, _, _ in calls]


class Case(unittest.TestCase):
    def ok(self, reply, warning=None):
        self.assertEqual(reply.status, 200, reply.body[:500])
        said = reply.headers.get("x-puna-warnings", "")
        if warning is not None:
            self.assertRegex(said, warning)
        return reply

    def calls_of(self, reply):
        """The arguments of the calls that the answer is, one at least, but for one that was cut."""
        calls = message(self.ok(reply))["tool_calls"]
        self.assertGreater(len(calls), 0)
        if reply.json["choices"][0]["finish_reason"] == "length":
            calls.pop()
        return [json.loads(call["function"]["arguments"]) for call in calls]

    def answer(self, reply, warning=None):
        return json.loads(message(self.ok(reply, warning))["content"])

    def refused(self, reply, param):
        self.assertEqual(reply.status, 400, reply.body[:500])
        self.assertRegex(reply.error["param"] or "", param)
        return reply.error

    def post_case(self, name, path=CHAT, **more):
        return self.server.post(path, case(name, **more))
