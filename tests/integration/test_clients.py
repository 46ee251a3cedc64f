"""Clients from npm, as people use them, against the real binary. Skipped where there is no Node, or nothing to install it from."""

import functools
import os
import subprocess
import unittest

from node_packages import install
from puna import HANG_SECONDS, SOURCE, Server, TemporaryFolder, clean_environment, write_random_model

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = ("openai_test.mjs", "schema_test.mjs", "ai_test.mjs", "langchain_test.mjs", "agents_test.mjs",
         "anthropic_test.mjs", "ollama_test.mjs")
CONFORMANCE = "conformance_test.mjs"
FILES = ("package.json", "package-lock.json", "wire_types.ts", "anthropic_types.ts", CONFORMANCE, *TESTS)
SCHEMAS = os.path.join(SOURCE, "tests", "engine", "grammar", "data", "schemas.jsonl")


@functools.lru_cache(maxsize=1)
def install_clients():
    return install(os.path.join(HERE, "clients"), FILES, os.environ.get("PUNA_CLIENTS_DIR"))


class Clients(TemporaryFolder):
    def setUp(self):
        super().setUp()
        self.clients, reason = install_clients()
        if reason:
            print(reason)
            self.skipTest(reason)

    def run_node(self, name, server, **more):
        base = f"http://127.0.0.1:{server.port}"
        environment = clean_environment({"OPENAI_BASE_URL": base + "/v1", "OPENAI_API_KEY": "key", "ANTHROPIC_BASE_URL": base,
                                         "ANTHROPIC_API_KEY": "key", "OLLAMA_HOST": base, **more})
        result = subprocess.run(["node", "--test", name], cwd=self.clients, env=environment, capture_output=True, text=True,
                                timeout=HANG_SECONDS, check=False)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr + server.log())
        return result.stdout

    def test_clients(self):
        with Server("--api-key", "key", "--max-model-len", "4096", "--no-speculation") as server:
            for name in TESTS:
                with self.subTest(name):
                    self.run_node(name, server)

    def test_schemas_with_the_demo_model(self):
        with Server("--api-key", "key", "--max-model-len", "2048") as server:
            print(self.run_node(CONFORMANCE, server, PUNA_SCHEMAS=SCHEMAS, PUNA_MIN_COMPLETE="0.7").splitlines()[1])

    def test_schemas_with_a_random_model(self):
        write_random_model(self.folder)
        with Server("--model", self.folder, "--api-key", "key", "--max-model-len", "2048") as server:
            print(self.run_node(CONFORMANCE, server, PUNA_SCHEMAS=SCHEMAS, PUNA_MIN_COMPLETE="0.5").splitlines()[1])


if __name__ == "__main__":
    unittest.main()
