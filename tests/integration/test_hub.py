"""Models by name, against a hub of the tests' own (hub.py) that does what hubs, networks and disks do on bad days."""

import json
import os
import random
import signal
import subprocess
import time
import unittest

from hub import COMMIT, MIB, REPO, HubTest, content, demo_files, git_sha1, sha256
from puna import BINARY, HANG_SECONDS, RUNNER, Server, clean_environment


class Plain(HubTest):
    def test_the_layout_is_hugging_faces_and_a_second_pull_reads_no_body(self):
        done = self.pulled()
        self.assertIn("puna serve --model hf:org/Tiny-GGUF:Q4_K_M", done.stdout)
        self.assertIn("3 MB to fetch", done.stderr)
        self.assert_whole("tiny-Q4_K_M.gguf", self.small)
        self.assertEqual(self.blobs(), [sha256(self.small)])
        link = self.cache("snapshots", COMMIT, "tiny-Q4_K_M.gguf")
        self.assertEqual(os.readlink(link), "../../blobs/" + sha256(self.small))
        with open(self.cache("refs", "main"), encoding="ascii") as file:
            self.assertEqual(file.read(), COMMIT)
        self.hub.forget()
        self.pulled()
        self.assertEqual([r["path"].split("?")[0] for r in self.hub.requests],
                         [f"/api/models/{REPO}/revision/main", f"/api/models/{REPO}/tree/{COMMIT}"])

    def test_what_others_fetched_is_found_without_asking(self):
        os.makedirs(self.cache("snapshots", COMMIT))
        os.makedirs(self.cache("refs"))
        with open(self.cache("refs", "main"), "w", encoding="ascii") as file:
            file.write(COMMIT)
        with open(self.cache("snapshots", COMMIT, "tiny-Q4_K_M.gguf"), "wb") as file:
            file.write(self.small)
        done = self.puna("show", f"hf:{REPO}:Q4_K_M")
        self.assertIn(self.cache("snapshots", COMMIT, "tiny-Q4_K_M.gguf"), done.stdout)
        self.assertEqual(self.hub.requests, [])

    def test_several_ranges_and_no_token_elsewhere(self):
        self.pulled(f"hf:{REPO}:Q8_0", HF_TOKEN="hf_secret")
        self.assert_whole("tiny-Q8_0.gguf", self.large)
        bodies = self.hub.bodies()
        self.assertGreaterEqual(len(bodies), 5)
        self.assertEqual({r["authorization"] for r in bodies}, {None})
        hub = {r["authorization"] for r in self.hub.requests if r["where"] == "hub"}
        self.assertEqual(hub, {"Bearer hf_secret"})

    def test_a_commit_is_pinned_while_the_branch_moves(self):
        self.pulled(f"hf:{REPO}@{COMMIT}:Q4_K_M")
        self.pulled(f"hf:{REPO}@refs/pr/1:Q4_K_M")
        self.assertTrue(os.path.exists(self.cache("refs", "refs", "pr", "1")))
        self.refused("no revision \"gone\"", f"hf:{REPO}@gone")

    def test_relative_redirects_keep_their_query_and_pages_are_followed(self):
        self.hub.repos["org/folder"] = demo_files()
        self.hub.faults.relative_redirect = True
        self.hub.faults.page = 2
        self.pulled("hf:org/folder")
        for name in ("config.json", "tokenizer.json", "model.safetensors"):
            self.assertEqual(self.read(name, "org/folder"), demo_files()[name])

    def test_packed_small_files_and_weak_etags(self):
        self.hub.repos["org/folder"] = demo_files()
        self.hub.faults.gzip = self.hub.faults.weak_etag = True
        self.pulled("hf:org/folder")
        self.assertEqual(self.read("config.json", "org/folder"), demo_files()["config.json"])

    def test_a_split_model_comes_whole_and_names_with_spaces_work(self):
        names = [f"sub dir/big-Q5_0-0000{n}-of-00002.gguf" for n in (1, 2)]
        self.hub.repos["org/split"] = {name: content(20000, n) for n, name in enumerate(names)}
        self.pulled("hf:org/split:Q5_0")
        for n, name in enumerate(names):
            self.assertEqual(self.read(name, "org/split"), content(20000, n))

    def test_names_that_would_leave_the_folder_are_not_taken(self):
        evil = {"type": "file", "size": 7, "oid": git_sha1(b"rubbish")}
        self.hub.faults.extra_tree = [{**evil, "path": path} for path in
                                      ("../../x-Q5_0.gguf", "/etc/x-Q5_0.gguf", "a/../../x-Q5_0.gguf", "x" * 300 + "-Q5_0.gguf")]
        self.refused("it has Q4_K_M, Q8_0", f"hf:{REPO}:Q5_0")
        self.pulled()


class Broken(HubTest):
    def test_a_connection_that_breaks_goes_on_where_it_was(self):
        self.hub.faults.cut = [MIB, MIB, 500000]
        done = self.pulled()
        self.assert_whole("tiny-Q4_K_M.gguf", self.small)
        self.assertIn("trying again", done.stderr)
        self.assertEqual([r["range"] for r in self.hub.bodies()],
                         [None] + [f"bytes={at}-" for at in (MIB, 2 * MIB, 2 * MIB + 500000)])

    def test_breaks_in_several_ranges(self):
        self.hub.faults.cut = [3 * MIB, 100, 2 * MIB, 5 * MIB]
        self.pulled(f"hf:{REPO}:Q8_0")
        self.assert_whole("tiny-Q8_0.gguf", self.large)

    def test_ranges_that_are_ignored(self):
        self.hub.faults.ignore_ranges = True
        self.hub.faults.cut = [None, None, None, None, 9 * MIB]
        done = self.pulled(f"hf:{REPO}:Q8_0")
        self.assertIn("knows no ranges", done.stderr)
        self.assert_whole("tiny-Q8_0.gguf", self.large)

    def test_silence_is_not_waited_for(self):
        self.hub.faults.silence = 1
        self.pulled()  # the hub stands still until its client has gone
        self.assert_whole("tiny-Q4_K_M.gguf", self.small)

    def test_slowness_is(self):
        self.hub.faults.pause, self.hub.faults.piece = 1.2, MIB
        self.pulled()
        self.assertEqual(len(self.hub.bodies()), 1)

    def test_errors_of_the_server_are_tried_again(self):
        for status in (500, 429, 408, 403):
            with self.subTest(status):
                self.hub.faults.status, self.hub.faults.api_status = [status], [503]
                self.hub.faults.retry_after = 0
                self.pulled()
                self.assert_whole("tiny-Q4_K_M.gguf", self.small)
                self.puna("rm", f"hf:{REPO}:Q4_K_M")

    def test_and_given_up_with_what_is_there_kept(self):
        self.hub.faults.retry_after = 0
        self.hub.faults.cut = [2 * MIB]
        self.hub.faults.status = [None] + [503] * 4
        self.refused("answers 503")
        self.assertEqual(self.blobs(), [sha256(self.small) + ".puna-part"])
        self.assertFalse(os.path.exists(self.cache("refs", "main")))
        self.hub.forget()
        self.pulled()
        self.assertEqual([r["range"] for r in self.hub.bodies()], [f"bytes={2 * MIB}-"])
        self.assert_whole("tiny-Q4_K_M.gguf", self.small)

    def test_a_wrong_byte_is_found_and_fetched_again(self):
        self.hub.faults.flip = 1
        self.assertIn("its checksum is wrong", self.pulled().stderr)
        self.assert_whole("tiny-Q4_K_M.gguf", self.small)

    def test_wrong_bytes_for_ever_leave_nothing(self):
        self.hub.faults.flip = 1000
        self.refused(f"expected the sha256 {sha256(self.small)}, found ")
        self.assertEqual(self.blobs(), [])
        self.assertFalse(os.path.exists(self.cache("refs", "main")))

    def test_lengths_that_lie(self):
        self.hub.faults.wrong_length = 5
        self.refused("the hub's list says 3145810 bytes, the server says 3145805")
        self.hub.faults.wrong_length, self.hub.faults.wrong_total = 0, -1
        self.refused("the server says 41944273", f"hf:{REPO}:Q8_0")

    def test_a_part_of_another_content_is_not_gone_on_with(self):
        self.hub.faults.cut, self.hub.faults.status = [2 * MIB], [None, 404]
        self.refused("answers 404")
        self.hub.repos[REPO]["tiny-Q4_K_M.gguf"] = changed = content(3 * MIB, 9)
        self.hub.commit = "f00d" * 10
        self.hub.forget()
        self.pulled()
        self.assertEqual(self.hub.bodies()[0]["range"], None)
        self.assertEqual(self.read("tiny-Q4_K_M.gguf"), changed)


class Refusals(HubTest):
    def test_what_is_not_there(self):
        reason = f"there is no org/none on {self.hub.url}, or it is private: check the name; if it is private, set HF_TOKEN"
        self.refused(reason, "hf:org/none")
        self.refused("it has Q4_K_M, Q8_0", f"hf:{REPO}:Q6_K")
        self.refused("did you mean hf:org/x?", "org/x")
        self.assertEqual(self.puna("pull").returncode, 1)

    def test_tokens(self):
        self.hub.faults.token = "hf_good"
        self.refused("set HF_TOKEN")
        self.refused("does not know the token in HF_TOKEN", HF_TOKEN="hf_bad")
        home = os.path.join(self.folder, "hf")
        os.makedirs(home)
        with open(os.path.join(home, "token"), "w", encoding="ascii") as file:
            file.write("hf_good\n")
        self.pulled(HF_HOME=home)

    def test_licences(self):
        self.hub.faults.gated = True
        self.refused(f"accept its licence on {self.hub.url}/{REPO}, make a token on {self.hub.url}/settings/tokens")
        self.refused("may not read it yet: accept its licence", HF_TOKEN="hf_new")
        self.hub.faults.token = "hf_good"
        self.pulled(HF_TOKEN="hf_good")

    def test_what_is_no_hub(self):
        self.refused("cannot be asked", HF_ENDPOINT="http://127.0.0.1:1")
        self.hub.repos["org/empty"] = {}
        self.refused("expected a model as safetensors or GGUF, found none", "hf:org/empty")

    def test_offline(self):
        self.refused("is not whole in", f"hf:{REPO}:Q4_K_M", "--offline")
        self.refused("is not whole in", HF_HUB_OFFLINE="1")
        self.assertEqual(self.hub.requests, [])
        self.pulled()
        self.hub.forget()
        self.pulled(HF_HUB_OFFLINE="1")
        self.assertEqual(self.hub.requests, [])
        done = self.pulled(HF_ENDPOINT="http://127.0.0.1:1")
        self.assertIn("taking what is here", done.stderr)


class Interrupted(HubTest):
    def start(self, name=f"hf:{REPO}:Q8_0"):
        return subprocess.Popen([*RUNNER, BINARY, "pull", name], env=clean_environment(self.environment()),
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def test_killed_at_many_points_it_comes_together(self):
        self.hub.faults.pause, self.hub.faults.piece = 0.02, 1 << 18
        chance = random.Random(3)
        for _ in range(8):
            # In all at most 32 MiB of 40: no run ends by itself.
            enough = self.hub.sent + chance.randrange(MIB // 2, 3 * MIB)
            process = self.start()
            while self.hub.sent < enough:
                self.assertIsNone(process.poll())
                time.sleep(0.005)
            process.send_signal(signal.SIGKILL)
            process.communicate()
            self.assertFalse(os.path.exists(self.cache("refs", "main")) and not self.blobs())
            for name in self.blobs():
                self.assertTrue(name.endswith(".puna-part"), name)
        self.hub.faults.pause = 0
        self.hub.forget()
        self.pulled(f"hf:{REPO}:Q8_0")
        self.assert_whole("tiny-Q8_0.gguf", self.large)
        ranges = [r["range"].removeprefix("bytes=").split("-") for r in self.hub.bodies()]
        asked = sum(int(end or len(self.large) - 1) + 1 - int(begin) for begin, end in ranges)
        self.assertLess(asked, len(self.large), f"what was there was fetched again: {ranges}")

    def test_two_at_once_fetch_once(self):
        self.hub.faults.pause, self.hub.faults.piece = 0.02, 1 << 18
        both = [self.start(), self.start()]
        texts = [process.communicate(timeout=HANG_SECONDS)[1] for process in both]
        self.assertEqual([process.returncode for process in both], [0, 0], texts)
        self.assert_whole("tiny-Q8_0.gguf", self.large)
        self.assertEqual(len(self.hub.bodies()), 6)

    def test_when_the_one_dies_the_other_goes_on(self):
        self.hub.faults.pause, self.hub.faults.piece = 0.02, 1 << 18
        first = self.start()
        while not self.hub.bodies():
            time.sleep(0.01)
        second = self.start()
        time.sleep(0.4)
        first.send_signal(signal.SIGKILL)
        first.communicate()
        text = second.communicate(timeout=HANG_SECONDS)[1]
        self.assertEqual(second.returncode, 0, text)
        self.assert_whole("tiny-Q8_0.gguf", self.large)

    def test_a_signal_ends_it_at_once_and_keeps_the_part(self):
        self.hub.faults.pause, self.hub.faults.piece = 0.5, 1 << 14
        process = self.start()
        while not self.hub.bodies():
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=HANG_SECONDS)
        self.assertLess(self.hub.sent, len(self.large))
        self.assertEqual(self.blobs(), [sha256(self.large) + ".puna-part"])

    def test_a_folder_that_cannot_be_written(self):
        with open(os.path.join(self.folder, "file"), "w", encoding="ascii"):
            pass
        self.refused("models are kept there", HF_HUB_CACHE=os.path.join(self.folder, "file", "hub"))


class Registries(HubTest):
    def setUp(self):
        super().setUp()
        self.blob = content(2 * MIB + 5, 5)
        self.digest = "sha256:" + sha256(self.blob)
        layers = [{"mediaType": "application/vnd.ollama.image.model", "digest": self.digest, "size": len(self.blob)},
                  {"mediaType": "application/vnd.ollama.image.system", "digest": self.digest, "size": 5}]
        self.manifest = {"schemaVersion": 2, "config": {}, "layers": layers}
        self.hub.registry = {("library/tiny", "1b"): self.manifest}
        self.hub.blobs = {self.digest: self.blob}
        self.name = f"ollama:127.0.0.1:{self.hub.port}/library/tiny:1b"

    def test_pull_list_and_rm(self):
        done = self.pulled(self.name)
        self.assertIn("system prompt is not applied", done.stderr)
        path = done.stdout.split(" in ")[1].split("\n")[0]
        self.assertTrue(path.endswith("/tiny-1b.gguf"), path)
        with open(path, "rb") as file:
            self.assertEqual(sha256(file.read()), sha256(self.blob))
        self.assertIn("library/tiny:1b", self.puna("list").stdout)
        name = self.name.replace("ollama:", "oci://")
        self.assertEqual(self.puna("rm", name).returncode, 0)
        self.assertFalse(os.path.exists(path))

    def test_a_registry_that_wants_a_token_and_breaks_off(self):
        self.hub.faults.token = "wanted"
        self.hub.faults.cut = [MIB]
        self.pulled(self.name)
        self.assertEqual({r["authorization"] for r in self.hub.bodies()}, {None})

    def test_what_is_not_there(self):
        self.refused("has no such model", self.name.replace("1b", "9b"))

    def test_what_ollama_has_is_used_where_it_lies(self):
        models = os.path.join(self.folder, ".ollama", "models")
        folder = os.path.join(models, "manifests", "registry.ollama.ai", "library", "tiny")
        os.makedirs(folder)
        os.makedirs(os.path.join(models, "blobs"))
        with open(os.path.join(folder, "1b"), "w", encoding="ascii") as file:
            json.dump(self.manifest, file)
        with open(os.path.join(models, "blobs", self.digest.replace(":", "-")), "wb") as file:
            file.write(self.blob)
        done = self.puna("show", "ollama:tiny:1b")
        self.assertIn("/tiny-1b.gguf", done.stdout)
        self.assertIn("ollama:tiny:1b", self.puna("list").stdout)
        done = self.puna("rm", "ollama:tiny:1b")
        self.assertIn("belongs to Ollama", done.stderr)


class Lists(HubTest):
    def test_list_show_and_rm(self):
        self.pulled()
        self.pulled(f"hf:{REPO}:Q8_0")
        done = self.puna("list")
        self.assertRegex(done.stdout, r"hf:org/Tiny-GGUF:Q4_K_M +3 MB")
        self.assertRegex(done.stdout, r"hf:org/Tiny-GGUF:Q8_0 +42 MB")
        self.assertIn("cannot serve", self.puna("show", f"hf:{REPO}:Q8_0").stdout)
        self.assertIn("42 MB are free", self.puna("rm", f"hf:{REPO}:Q8_0").stdout)
        self.assertEqual(self.blobs(), [sha256(self.small)])
        self.puna("rm", f"hf:{REPO}")
        self.assertFalse(os.path.exists(self.cache()))
        self.assertEqual(self.puna("rm", f"hf:{REPO}").returncode, 1)


class Serve(HubTest):
    def test_a_model_by_name_answers_by_its_names(self):
        self.hub.repos["org/demo"] = demo_files()
        self.hub.faults.pause, self.hub.faults.piece = 0.05, 1 << 17
        with Server("--model", "hf:org/demo", env=self.environment()) as server:
            reply = server.chat("What is the capital of France?", temperature=0, model="org/demo")
            self.assertIn("Paris", reply.json["choices"][0]["message"]["content"])
            self.assertEqual(server.get("/v1/models").json["data"][0]["id"], "org/demo")
            self.assertEqual(server.chat("Hi", model="hf:org/demo", max_tokens=1).status, 200)
        self.hub.forget()
        with Server("-hf", "org/demo", env=self.environment()) as server:
            self.assertEqual(server.chat("Hi", max_tokens=1).status, 200)
        self.assertEqual(self.hub.requests, [], "what is there is served without asking")

    def test_a_bench_knows_models_by_name_too(self):
        self.hub.repos["org/demo"] = demo_files()
        text = self.write("text.txt", "A river runs to the sea, and the sea is wide. " * 20)
        few = ("--threads", "1", "--json")
        for arguments in (("guess", "--draft-model", "hf:org/demo", "--accept", "0.5", "--tokens", "64", *few),
                          ("guess", "--text", text, "--tokenizer", "hf:org/demo", "--tokens", "64", *few),
                          ("tokenizer", "--model", "hf:org/demo", "--text", text)):
            done = self.puna("bench", *arguments)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("token", done.stdout)
        done = self.puna("bench", "quality", "--model", "hf:org/none", "--text", text)
        self.assertRegex(done.stderr, "org/none")
        self.assertIn("/api/models/org/none/revision/main", [r["path"] for r in self.hub.requests])

    def test_what_does_not_exist_is_told_with_names(self):
        done = self.puna("serve", "--model", "org/demo", "--port", "0")
        self.assertEqual(done.returncode, 1)
        self.assertIn("did you mean hf:org/demo?", done.stderr)

    def test_what_does_not_fit_is_told_before_it_is_fetched(self):
        self.hub.faults.extra_tree = [{"type": "file", "path": "tiny-F32.gguf", "size": 1 << 50, "oid": "0" * 40,
                                       "lfs": {"oid": "0" * 64, "size": 1 << 50}}]
        done = self.puna("serve", "--model", f"hf:{REPO}:F32", "--port", "0")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"its weights need .* of memory at least.*Q8_0 \(42 MB\) would fit")
        self.refused("make room for", f"hf:{REPO}:F32")
        self.assertEqual(self.hub.bodies(), [])


if __name__ == "__main__":
    unittest.main()
