"""The page in a real browser against the real binary: what tests/page/ does with it. Skipped where there is no Node, no
Chromium, or no page in the binary."""

import functools
import glob
import os
import re
import shutil
import subprocess
import unittest

from node_packages import install
from puna import BINARY, HANG_SECONDS, SOURCE, Server, SharedServer, clean_environment

PAGE_TESTS = os.path.join(SOURCE, "tests", "page")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FROM_A_BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@functools.lru_cache(maxsize=1)
def prepare():
    """What Node runs in, as (folder, browser); or None and why not."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not browser:
        return None, "skipped: there is no Chromium (docker/install.sh --browser)"
    with Server() as server:
        if b'src="page/' not in server.get("/", headers=FROM_A_BROWSER).body:
            return None, "skipped: this binary was built without the page (cmake says why)"
    files = [os.path.basename(f) for f in glob.glob(os.path.join(PAGE_TESTS, "*"))]
    folder, reason = install(PAGE_TESTS, files, os.environ.get("PUNA_PAGE_TESTS_DIR"))
    return (folder, browser) if folder else None, reason


class Page(unittest.TestCase):
    def run_node(self, name):
        prepared, reason = prepare()
        if reason:
            print(reason)
            self.skipTest(reason)
        folder, browser = prepared
        environment = clean_environment({"PUNA_BINARY": os.path.abspath(BINARY), "PUNA_RUNNER": os.environ.get("PUNA_RUNNER", ""),
                                         "CHROMIUM": browser})
        def run():
            return subprocess.run(["node", "--test", "--test-reporter=spec", name], cwd=folder, env=environment,
                                  capture_output=True, text=True, timeout=4 * HANG_SECONDS, check=False)

        result = run()
        if result.returncode != 0 and "TimeoutError" in result.stdout:
            # Without a GPU and beside other work Chromium stops painting now and then, whatever the page does.
            print(f"{name}: once more, as the browser stood still:\n{result.stdout}")
            result = run()
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_chat(self):
        self.run_node("chat_test.mjs")

    def test_files(self):
        self.run_node("files_test.mjs")

    def test_hostile_answers(self):
        self.run_node("hostile_test.mjs")

    def test_engine_view(self):
        self.run_node("engine_test.mjs")

    def test_access(self):
        self.run_node("access_test.mjs")


class Pictures(unittest.TestCase):
    def test_the_documents_show_what_is_there_and_small(self):
        with open(os.path.join(SOURCE, "README.md"), encoding="utf-8") as file:
            shown = re.findall(r'(?:src="|\]\()(server/page/screenshots/[a-z]+\.png)', file.read())
        drawn = [os.path.relpath(file, SOURCE) for file in glob.glob(os.path.join(SOURCE, "server/page/screenshots/*"))]
        self.assertEqual(sorted(shown), sorted(drawn))
        self.assertGreater(len(shown), 1)
        for name in shown:
            with open(os.path.join(SOURCE, name), "rb") as file:
                picture = file.read()
            self.assertTrue(picture.startswith(b"\x89PNG"), name)
            self.assertLess(len(picture), 150 << 10, name)


class WithoutUi(SharedServer):
    arguments = ("--no-ui", "--no-ollama-api")

    def test_nothing_is_there(self):
        for headers in (FROM_A_BROWSER, {}):
            reply = self.server.get("/", headers=headers)
            self.assertEqual(reply.status, 404)
            self.assertEqual(reply.error["code"], "unknown_url")
        self.assertNotIn("browser", self.server.log())


class Negotiation(SharedServer):
    arguments = ("--api-key", "secret", "--no-ollama-api")

    def test_a_browser_gets_the_page_without_a_key(self):
        reply = self.server.get("/", headers={**FROM_A_BROWSER, "Accept-Encoding": "gzip"})
        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.headers["content-type"], "text/html; charset=utf-8")
        self.assertIn("default-src 'none'", reply.headers["content-security-policy"])
        self.assertEqual(self.server.get("/v1/models", headers=FROM_A_BROWSER).status, 401)
        self.assertEqual(self.server.request("HEAD", "/", headers=FROM_A_BROWSER).body, b"")

    def test_a_program_gets_json(self):
        for headers in ({}, {"Accept": "*/*"}, {"Accept": "application/json"}):
            reply = self.server.get("/", headers=headers)
            self.assertEqual((reply.status, reply.error["code"]), (404, "unknown_url"))

    def test_the_log_says_so(self):
        self.assertIn("open it in a browser", self.server.log())


class UnderAPrefix(SharedServer):
    arguments = ("--path-prefix", "/llm")

    def test_what_it_loads_is_there(self):
        page = self.server.get("/llm/", headers=FROM_A_BROWSER)
        self.assertEqual(page.status, 200)
        for path in re.findall(rb'(?:src|href)="(page/[^"]+)"', page.body):
            self.assertEqual(self.server.get("/llm/" + path.decode()).status, 200, path)

    def test_without_the_slash_a_browser_is_sent_to_the_one_with_it(self):
        reply = self.server.get("/llm", headers=FROM_A_BROWSER)
        self.assertEqual((reply.status, reply.headers.get("location")), (308, "/llm/"))
        self.assertEqual(self.server.get("/llm", headers={"Accept": "application/json"}).status, 404)


class BesideOllama(SharedServer):
    def test_each_gets_its_own(self):
        self.assertEqual(self.server.get("/", headers=FROM_A_BROWSER).headers["content-type"], "text/html; charset=utf-8")
        for headers in ({}, {"Accept": "*/*"}, {"Accept": "text/plain, application/json;q=0"}):
            reply = self.server.get("/", headers=headers)
            self.assertEqual((reply.status, reply.body), (200, b"Ollama is running"))
        self.assertEqual(self.server.request("HEAD", "/", headers={"Accept": "application/json"}).status, 200)

    def test_who_asks_for_json_gets_json(self):
        reply = self.server.get("/", headers={"Accept": "application/json, text/plain"})
        self.assertEqual((reply.status, reply.error["code"]), (404, "unknown_url"))


if __name__ == "__main__":
    unittest.main()
