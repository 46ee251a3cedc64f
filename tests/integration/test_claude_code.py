"""Claude Code's command line against the real binary, for whole turns with tools, set up as README has it. PUNA_CLAUDE names its
binary (npm install @anthropic-ai/claude-code); skipped without."""

import json
import os
import unittest

from puna import Server, TemporaryFolder
from script import Script, run_client

CLAUDE = os.environ.get("PUNA_CLAUDE")
END = {"type": "json_schema", "schema": {"const": "All done."}}
QUIET = {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_TELEMETRY": "1", "DISABLE_ERROR_REPORTING": "1",
         "DISABLE_AUTOUPDATER": "1", "CLAUDE_CODE_ATTRIBUTION_HEADER": "0", "CLAUDE_CODE_MAX_CONTEXT_TOKENS": "32768",
         "CLAUDE_CODE_MAX_OUTPUT_TOKENS": "1024", "IS_SANDBOX": "1"}


def end(body):
    body["tool_choice"] = {"type": "none"}
    body["output_config"] = {"format": END}


def results_of(body):
    return [block for message in body["messages"] if isinstance(message["content"], list) for block in message["content"]
            if block["type"] == "tool_result"]


def force(body, name, **constants):
    """The next thing that is written is a call of that tool with these arguments."""
    tool = next(tool for tool in body["tools"] if tool["name"] == name)
    tool["input_schema"] = {"type": "object", "properties": {key: {"const": value} for key, value in constants.items()},
                            "required": list(constants), "additionalProperties": False}
    tool["strict"] = True
    body["tool_choice"] = {"type": "tool", "name": name}


@unittest.skipUnless(CLAUDE, "PUNA_CLAUDE names no claude")
class ClaudeCode(TemporaryFolder):
    def setUp(self):
        super().setUp()
        self.work = os.path.join(self.folder, "work")
        os.makedirs(self.work)

    def ask(self, change):
        """The turns of one run, and its result."""
        with Server("--max-model-len", "8192") as server, Script(server, change) as script:
            environment = {"HOME": self.folder, "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{script.server_port}",
                           "ANTHROPIC_AUTH_TOKEN": "x", **QUIET}
            result = run_client([CLAUDE, "--bare", "--tools", "Read,Edit,Bash", "--allowedTools", "Read,Edit,Bash", "--model",
                                 "puna-demo", "--output-format", "json", "-p", "Do it."], self.work, environment)
            told = result.stdout + result.stderr + "\n".join(script.lines) + server.log()
            self.assertEqual(result.returncode, 0, told)
            for _, reply in script.turns:
                self.assertEqual(reply.status, 200, reply.body)
            result = json.loads(result.stdout)
            self.assertFalse(result["is_error"], told)
            self.assertEqual(json.loads(result["result"]), "All done.")
            return script.turns, result, told

    def test_a_command_is_run_and_its_output_comes_back(self):
        def change(body):
            if results_of(body):
                return end(body)
            force(body, "Bash", command="echo written | tee made.txt", description="Write a file")

        turns, result, told = self.ask(change)
        self.assertEqual(len(turns), 2, told)
        with open(os.path.join(self.work, "made.txt"), encoding="utf-8") as file:
            self.assertEqual(file.read(), "written\n")
        block, = results_of(turns[1][0])
        self.assertIn("written", json.dumps(block["content"]))
        self.assertGreater(result["usage"]["cache_read_input_tokens"], 0)  # of the second turn: what the first one computed

    def test_a_file_is_read_and_changed(self):
        path = os.path.join(self.work, "poem.txt")
        with open(path, "w", encoding="utf-8") as file:
            file.write("a rose is a rose\n")

        def change(body):
            done = len(results_of(body))
            if done == 0:
                force(body, "Read", file_path=path)
            elif done == 1:
                force(body, "Edit", file_path=path, old_string="is a rose", new_string="is a \"daisy\"")
            else:
                end(body)

        turns, _, told = self.ask(change)
        self.assertEqual(len(turns), 3, told)
        self.assertIn("a rose is a rose", json.dumps(results_of(turns[1][0])[0]["content"]))
        with open(path, encoding="utf-8") as file:
            self.assertEqual(file.read(), 'a rose is a "daisy"\n')


if __name__ == "__main__":
    unittest.main()
