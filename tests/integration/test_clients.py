"""Clients from npm, as people use them, against the real binary. Skipped where there is no Node, or nothing to install it from."""

import filecmp
import functools
import os
import shutil
import subprocess
import tempfile
import unittest

from puna import HANG_SECONDS, SOURCE, Server, TemporaryFolder, clean_environment, write_random_model

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = ("openai_test.mjs", "schema_test.mjs", "ai_test.mjs", "langchain_test.mjs", "agents_test.mjs")
CONFORMANCE = "conformance_test.mjs"
FILES = ("package.json", "package-lock.json", "wire_types.ts", CONFORMANCE, *TESTS)
SCHEMAS = os.path.join(SOURCE, "tests", "engine", "grammar", "data", "schemas.jsonl")


@functools.lru_cache(maxsize=1)
def install():
    """A folder with the pinned packages, kept between runs in PUNA_CLIENTS_DIR; or why there is none."""
    if not shutil.which("node") or not shutil.which("npm"):
        return None, "skipped: there is no Node.js (apt install nodejs npm)"
    major = int(subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout[1:].split(".")[0])
    if major < 20:
        return None, f"skipped: Node.js {major} is too old, 20 is needed"
    folder = os.environ.get("PUNA_CLIENTS_DIR") or tempfile.mkdtemp(prefix="puna-clients-")
    os.makedirs(folder, exist_ok=True)
    lock = os.path.join(folder, "package-lock.json")
    current = os.path.exists(lock) and filecmp.cmp(lock, os.path.join(HERE, "clients", "package-lock.json"), shallow=False)
    for name in FILES:
        shutil.copy(os.path.join(HERE, "clients", name), folder)
    if current and os.path.isdir(os.path.join(folder, "node_modules", "openai")):
        return folder, None
    result = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, capture_output=True,
                            text=True, check=False)
    if result.returncode != 0:
        os.remove(lock)
        return None, "skipped: npm cannot install the clients: " + result.stderr.strip()[-300:]
    return folder, None


class Clients(TemporaryFolder):
    def setUp(self):
        super().setUp()
        self.clients, reason = install()
        if reason:
            print(reason)
            self.skipTest(reason)

    def run_node(self, name, server, **more):
        environment = clean_environment({"OPENAI_BASE_URL": f"http://127.0.0.1:{server.port}/v1", "OPENAI_API_KEY": "key", **more})
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
