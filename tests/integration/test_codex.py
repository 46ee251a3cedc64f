"""Codex' command line against the real binary, for whole turns with tools. PUNA_CODEX names its binary (npm install @openai/codex);
skipped without."""

import json
import os
import unittest

from puna import Server, TemporaryFolder
from script import Script, run_client

CODEX = os.environ.get("PUNA_CODEX")
MODEL = {"slug": "puna-demo", "display_name": "demo", "description": "", "supported_reasoning_levels": [],
         "shell_type": "shell_command",
         "visibility": "list", "supported_in_api": True, "priority": 1, "base_instructions": "You are a coding agent.",
         "supports_reasoning_summaries": False, "support_verbosity": False, "apply_patch_tool_type": "freeform",
         "truncation_policy": {"mode": "bytes", "limit": 4000}, "supports_parallel_tool_calls": True, "context_window": 8192,
         "experimental_supported_tools": []}
CONFIG = """model = "puna-demo"
model_provider = "puna"
model_context_window = 8192
model_catalog_json = "{home}/models.json"
web_search = "disabled"
approval_policy = "never"
sandbox_mode = "danger-full-access"
[features]
multi_agent = false
goals = false
[model_providers.puna]
name = "puna"
base_url = "http://127.0.0.1:{port}/v1"
wire_api = "responses"
"""
END = {"type": "json_schema", "name": "end", "schema": {"const": "All done."}, "strict": True}


def end(body):
    body["tool_choice"] = "none"
    body["text"] = {"format": END}


def tool_of(body, name):
    return next(tool for tool in body["tools"] if tool.get("name") == name)


@unittest.skipUnless(CODEX, "PUNA_CODEX names no codex")
class Codex(TemporaryFolder):
    def ask(self, change):
        """The turns of one run, and what Codex told."""
        work = os.path.join(self.folder, "work")
        os.makedirs(work, exist_ok=True)
        self.write("models.json", json.dumps({"models": [MODEL]}))
        def changed(body):
            change(body, any(item.get("type", "").endswith("_output") for item in body["input"]))

        with Server("--max-model-len", "8192") as server, Script(server, changed) as script:
            self.write("config.toml", CONFIG.format(home=self.folder, port=script.server_port))
            result = run_client([CODEX, "exec", "--json", "--skip-git-repo-check", "-C", work, "Do it."], work,
                                {"CODEX_HOME": self.folder, "HOME": self.folder})
            told = result.stdout + result.stderr + server.log()
            self.assertEqual(result.returncode, 0, told)
            for _, reply in script.turns:
                self.assertEqual(reply.status, 200, reply.body)
            return script.turns, work, told

    def test_a_command_is_run_and_its_output_comes_back(self):
        def change(body, called):
            if called:
                return end(body)
            tool = next(tool for tool in body["tools"] if tool.get("name") in ("exec_command", "shell_command", "shell"))
            member = "cmd" if tool["name"] == "exec_command" else "command"
            tool["parameters"] = {"type": "object", "properties": {member: {"const": "echo written > made.txt"}},
                                  "required": [member], "additionalProperties": False}
            tool["strict"] = True
            body["tool_choice"] = {"type": "function", "name": tool["name"]}

        turns, work, told = self.ask(change)
        self.assertEqual(len(turns), 2, told)
        with open(os.path.join(work, "made.txt"), encoding="utf-8") as file:
            self.assertEqual(file.read(), "written\n")
        self.assertIn("All done.", told)
        outputs = [item for item in turns[1][0]["input"] if item["type"] == "function_call_output"]
        self.assertEqual(len(outputs), 1)

    def test_a_patch_is_written_as_its_grammar_has_it(self):
        def change(body, called):
            if called:
                return end(body)
            tool = tool_of(body, "apply_patch")
            self.assertEqual((tool["type"], tool["format"]["syntax"]), ("custom", "lark"))
            tool["format"]["definition"] = 'start: "*** Begin Patch\\n*** Add File: made.txt\\n+a \\"b\\" \\\\\\n*** End Patch\\n"'
            body["tool_choice"] = {"type": "custom", "name": "apply_patch"}

        turns, work, told = self.ask(change)
        self.assertEqual(len(turns), 2, told)
        with open(os.path.join(work, "made.txt"), encoding="utf-8") as file:
            self.assertEqual(file.read(), 'a "b" \\\n')
        self.assertIn("All done.", told)

    def test_its_own_grammar_is_followed(self):
        """The tools as they come: nothing of what can be run here is left out or not enforced."""
        def change(body, called):
            end(body)
            if not called:
                body["tool_choice"] = "auto"
                del body["text"]
                body["max_output_tokens"] = 20
                bodies.append(body)

        bodies = []
        try:
            self.ask(change)
        except AssertionError:
            pass  # what the demo model writes of its own is no turn
        with Server("--max-model-len", "8192") as server:
            reply = server.post("/v1/responses", {**bodies[0], "stream": False})
            self.assertEqual(reply.status, 200, reply.body)
            self.assertNotIn("apply_patch", reply.headers.get("x-puna-warnings", ""))


if __name__ == "__main__":
    unittest.main()
