"""Stored responses, conversations and background responses of the real binary: restarts, kills, full and read-only disks."""

import concurrent.futures
import glob
import json
import os
import random
import subprocess
import unittest

from puna import SLOW_MODEL, Server, TemporaryFolder, read_until
from test_responses import QUESTION, RESPONSES, WEATHER, events_of

CONVERSATIONS = "/v1/conversations"
# Answers that run until the test ends them.
LONG_TEXT = {"type": "object", "properties": {"a": {"type": "string", "minLength": 20000}}, "required": ["a"]}
ENDLESS = {"input": "Hello", "temperature": 1, "seed": 1, "max_output_tokens": 8000,
           "text": {"format": {"type": "json_schema", "name": "long", "schema": LONG_TEXT}}}
ENDED = ("completed", "incomplete", "failed", "cancelled")


class StoredCase(TemporaryFolder):
    def setUp(self):
        super().setUp()
        self.path = os.path.join(self.folder, "responses")

    def serve(self, *more):
        return Server("--responses-path", self.path, "--max-model-len", "8192", *more)

    def create(self, server, prompt, **more):
        reply = server.post(RESPONSES, {"input": prompt, "temperature": 0, **more})
        self.assertEqual(reply.status, 200, reply.body)
        return reply.json

    def retrieve(self, server, response_id):
        return server.get(f"{RESPONSES}/{response_id}").json

    def events(self, server, response_id, after=None):
        query = "" if after is None else f"&starting_after={after}"
        reply = server.get(f"{RESPONSES}/{response_id}?stream=true{query}")
        self.assertEqual(reply.status, 200, reply.body)
        return reply.body.decode()

    def bytes_of_folder(self):
        content = b""
        for name in glob.glob(os.path.join(self.path, "*")):
            with open(name, "rb") as file:
                content += file.read()
        return content

    def wait_for_end(self, server, response_id):
        server.wait_until(lambda: self.retrieve(server, response_id)["status"] in ENDED)
        return self.retrieve(server, response_id)


class Restarts(StoredCase):
    def test_all_is_found_again_after_a_kill(self):
        with self.serve() as server:
            reply = server.post(RESPONSES, {"input": QUESTION, "temperature": 0})
            self.assertEqual(reply.headers["x-puna-store"], "disk")
            first = reply.json
            streamed = server.post(RESPONSES, {"input": QUESTION, "temperature": 0, "stream": True}).body.decode()
            call = self.create(server, "What is the weather in Paris?", tools=[WEATHER])
            hidden = self.create(server, "Hi", store=False)
            gone = self.create(server, "Hi")
            self.assertTrue(server.request("DELETE", f"{RESPONSES}/{gone['id']}").json["deleted"])
            self.assertEqual(server.get("/v1/capabilities").json["stored_responses"]["where"], "disk")
            second = self.create(server, "And of Italy?", previous_response_id=first["id"])
            server.process.kill()
        with self.serve() as server:
            for response in (first, second, call):
                self.assertEqual(self.retrieve(server, response["id"]), response)
            for response in (hidden, gone):
                self.assertEqual(server.get(f"{RESPONSES}/{response['id']}").status, 404)
            items = server.get(f"{RESPONSES}/{second['id']}/input_items").json
            self.assertEqual([i["content"][0]["text"] for i in items["data"]], ["And of Italy?"])
            again = self.create(server, "And of Italy?", previous_response_id=first["id"])
            self.assertEqual(again["output"][0]["content"], second["output"][0]["content"])
            self.assertEqual(again["usage"]["input_tokens"], second["usage"]["input_tokens"])
            output = {"type": "function_call_output", "call_id": call["output"][0]["call_id"], "output": "sunny"}
            self.create(server, [output], tools=[WEATHER], previous_response_id=call["id"])
            events = events_of(streamed)
            response_id = events[0]["response"]["id"]
            self.assertEqual(self.events(server, response_id), streamed)
            rest = self.events(server, response_id, after=4)
            self.assertTrue(streamed.endswith(rest) and f'"sequence_number":{5},' in rest.split("\n\n")[0])

    def test_what_ran_at_a_kill_is_incomplete_and_is_gone_on_from(self):
        with self.serve(*SLOW_MODEL) as server:
            background = self.create(server, "Hello", **{**ENDLESS, "input": "Hello", "background": True})
            with server.open_stream(RESPONSES, {**ENDLESS, "stream": True, "background": True}) as sock:
                seen = read_until(sock, b'"sequence_number":20,')
                server.process.kill()
        response_id = seen[seen.index(b"resp_"):][:29].decode()
        with self.serve() as server:
            response = self.retrieve(server, response_id)
            self.assertEqual((response["status"], response["incomplete_details"]["reason"]),
                             ("incomplete", "server_restarted"))
            events = events_of(self.events(server, response_id))
            self.assertEqual(events[-1]["type"], "response.incomplete")
            self.assertEqual(events[-1]["response"], response)
            text = "".join(e["delta"] for e in events if e["type"] == "response.output_text.delta")
            self.assertEqual(response["output"][0]["content"][0]["text"], text)
            self.assertGreater(len(text), 0)
            # What the client saw before is what it would see again, and its next event has the next number.
            shown = self.events(server, response_id).encode()
            frames = seen[seen.index(b"event: response.created"):].split(b"\n\n")[:-1]
            for frame in frames:
                for line in frame.split(b"\n"):
                    if line.startswith(b"data: "):
                        self.assertIn(line, shown)
            rest = self.events(server, response_id, after=20)
            self.assertIn('"sequence_number":21,', rest.split("\n\n")[0])
            on = self.create(server, "Go on.", previous_response_id=response_id, max_output_tokens=5)
            self.assertGreater(on["usage"]["input_tokens"], len(text) // 8)
            self.assertEqual(self.retrieve(server, background["id"])["status"], "incomplete")

    def test_killed_at_random_moments(self):
        # Whatever a client has seen is there after the kill.
        rng = random.Random(5)
        for _ in range(12):
            seen = []

            def stream(server, seed, seen=seen):
                body = {**ENDLESS, "seed": seed, "stream": True, "max_output_tokens": 400}
                got = b""
                try:
                    with server.open_stream(RESPONSES, body) as sock:
                        while part := sock.recv(4096):
                            got += part
                except OSError:
                    pass
                seen.append(got)

            with self.serve() as server:
                with concurrent.futures.ThreadPoolExecutor(4) as pool:
                    streams = [pool.submit(stream, server, seed) for seed in range(4)]
                    done = self.create(server, QUESTION)
                    server.wait_until(lambda: server.busy() > 0 or all(s.done() for s in streams))
                    server.process.kill() if rng.random() < 0.3 else self.kill_after(server, rng.random() * 0.3)
            with self.serve() as server:
                self.assertEqual(self.retrieve(server, done["id"]), done)
                for got in seen:
                    lines = [line for line in got.split(b"\n") if line.startswith(b"data: ") and line.endswith(b"}")]
                    if not lines:
                        continue
                    response_id = json.loads(lines[0][6:])["response"]["id"]
                    shown = self.events(server, response_id).encode()
                    events_of(shown.decode())
                    for line in lines:
                        self.assertIn(line, shown)
                    self.assertIn(self.retrieve(server, response_id)["status"], ENDED)

    @staticmethod
    def kill_after(server, seconds):
        try:
            server.process.wait(seconds)
        except subprocess.TimeoutExpired:
            server.process.kill()

    def test_two_servers_on_one_folder(self):
        with self.serve(*SLOW_MODEL) as one, self.serve() as two:
            response = self.create(one, QUESTION)
            self.assertEqual(self.retrieve(two, response["id"]), response)
            self.create(two, "And of Italy?", previous_response_id=response["id"])
            running = self.create(one, "Hello", **{**ENDLESS, "input": "Hello", "background": True})
            self.assertIn(self.retrieve(two, running["id"])["status"], ("queued", "in_progress"))
            cancelled = two.post(f"{RESPONSES}/{running['id']}/cancel", b"").json
            self.assertEqual(cancelled["status"], "cancelled")
            self.assertEqual(self.retrieve(one, running["id"])["status"], "cancelled")
            orphan = self.create(one, "Hello", **{**ENDLESS, "input": "Hello", "background": True})
            follower = concurrent.futures.ThreadPoolExecutor(1).submit(self.events, two, orphan["id"])
            one.process.kill()
            one.process.wait()
            self.assertEqual(events_of(follower.result())[-1]["type"], "response.incomplete")


class Deletion(StoredCase):
    def test_nothing_is_left_in_any_file(self):
        secret = "xylophone-7421-marmalade"
        with self.serve() as server:
            conversation = server.post(CONVERSATIONS, {"items": [{"role": "user", "content": secret}]}).json
            first = self.create(server, f"Say {secret} please.", instructions=secret, metadata={"s": secret})
            second = self.create(server, "Again.", previous_response_id=first["id"])
            for response in (first, second):
                self.assertTrue(server.request("DELETE", f"{RESPONSES}/{response['id']}").json["deleted"])
            self.assertTrue(server.request("DELETE", f"{CONVERSATIONS}/{conversation['id']}").json["deleted"])
            content = self.bytes_of_folder()
            for name in (secret, first["id"], second["id"], conversation["id"], first["output"][0]["id"]):
                self.assertNotIn(name.encode(), content)

    def test_bounds(self):
        with self.serve("--max-responses", "3") as server:
            made = [self.create(server, f"{i}", max_output_tokens=1)["id"] for i in range(5)]
            statuses = [server.get(f"{RESPONSES}/{response_id}").status for response_id in made]
            self.assertEqual(statuses, [404, 404, 200, 200, 200])


class Trouble(StoredCase):
    """A disk that refuses: the server says so, and serves."""

    def mount(self, options):
        os.makedirs(self.path)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", self.path], capture_output=True, check=False)
        if mounted.returncode != 0:
            self.skipTest("only root can mount a file system here")
        self.addCleanup(subprocess.run, ["umount", "-l", self.path], check=False)

    def test_full(self):
        self.mount("size=4m,mode=700")
        with self.serve() as server:
            kept = self.create(server, QUESTION)
            with open(os.path.join(self.path, "filler"), "wb", buffering=0) as file:
                try:
                    while True:
                        file.write(b"\0" * 4096)
                except OSError:
                    pass
            for _ in range(40):  # until nothing fits into what the files have already
                reply = server.post(RESPONSES, {"input": "word " * 1000 + os.urandom(3000).hex(), "max_output_tokens": 1})
                self.assertEqual(reply.status, 200, reply.body)
                if not reply.json["store"]:
                    break
            self.assertFalse(reply.json["store"])
            self.assertIn("cannot be stored", reply.headers["x-puna-warnings"])
            refused = server.post(RESPONSES, {"input": "x" * 5000, "background": True})
            self.assertEqual((refused.status, refused.error["code"]), (503, "storage_full"))
            self.assertIn("disk is full", server.log())
            self.assertEqual(self.retrieve(server, kept["id"]), kept)
            os.unlink(os.path.join(self.path, "filler"))
            self.assertTrue(self.create(server, QUESTION)["store"])

    def test_read_only(self):
        self.mount("size=10m,mode=700")
        subprocess.run(["mount", "-o", "remount,ro", self.path], check=True)
        with self.serve() as server:
            server.wait_for_log("responses_path: .*kept in memory")
            reply = server.post(RESPONSES, {"input": QUESTION})
            self.assertEqual((reply.status, reply.headers["x-puna-store"]), (200, "memory"))

    def test_damaged(self):
        os.makedirs(self.path)
        with open(os.path.join(self.path, "responses.db"), "wb") as file:
            file.write(os.urandom(20000))
        with self.serve() as server:
            server.wait_for_log("damaged")
            self.assertTrue(self.create(server, QUESTION)["store"])
        self.assertEqual(len(glob.glob(os.path.join(self.path, "responses.db.damaged-*"))), 1)


class Background(StoredCase):
    def test_queued_polled_completed(self):
        with self.serve() as server:
            response = self.create(server, QUESTION, background=True)
            self.assertEqual((response["status"], response["background"], response["output"]), ("queued", True, []))
            ended = self.wait_for_end(server, response["id"])
            plain = self.create(server, QUESTION)
            self.assertEqual(ended["status"], "completed")
            self.assertEqual(ended["output"][0]["content"], plain["output"][0]["content"])
            self.assertEqual(ended["usage"]["output_tokens"], plain["usage"]["output_tokens"])
            events = events_of(self.events(server, response["id"]))
            self.assertEqual([e["type"] for e in events[:3]],
                             ["response.created", "response.queued", "response.in_progress"])
            self.assertEqual(events[-1]["response"], ended)
            again = server.post(f"{RESPONSES}/{response['id']}/cancel", b"")
            self.assertEqual(again.status, 400)
            refused = server.post(RESPONSES, {"input": "Hi", "background": True, "store": False})
            self.assertEqual((refused.status, refused.error["param"]), (400, "background"))

    def test_who_leaves_the_stream_ends_nothing_and_finds_the_rest(self):
        with self.serve() as server:
            body = {**ENDLESS, "max_output_tokens": 60, "stream": True, "background": True}
            with server.open_stream(RESPONSES, body) as sock:
                seen = read_until(sock, b'"sequence_number":9,')
            response_id = seen[seen.index(b"resp_"):][:29].decode()
            rest = self.events(server, response_id, after=9)  # live, until the end
            whole = self.events(server, response_id)
            self.assertTrue(whole.endswith(rest))
            self.assertIn('"sequence_number":10,', rest.split("\n\n")[0])
            events = events_of(whole)
            self.assertEqual(events[-1]["response"]["usage"]["output_tokens"], 60)

    def test_cancel_is_idempotent(self):
        with self.serve(*SLOW_MODEL) as server:
            response = self.create(server, "Hello", **{**ENDLESS, "input": "Hello", "background": True})
            for _ in range(2):
                self.assertEqual(server.post(f"{RESPONSES}/{response['id']}/cancel", b"").json["status"], "cancelled")
            server.wait_until(lambda: server.busy() == 0)
            self.assertEqual(self.retrieve(server, response["id"])["status"], "cancelled")

    def test_a_line_of_them(self):
        with self.serve("--max-num-seqs", "1", *SLOW_MODEL) as server:
            first = self.create(server, "Hello", **{**ENDLESS, "input": "Hello", "background": True})
            second = self.create(server, "Hi", background=True, max_output_tokens=3)
            server.wait_until(lambda: self.retrieve(server, first["id"])["status"] == "in_progress")
            self.assertEqual(self.retrieve(server, second["id"])["status"], "queued")
            server.post(f"{RESPONSES}/{first['id']}/cancel", b"")
            self.assertIn(self.wait_for_end(server, second["id"])["status"], ("completed", "incomplete"))

    def test_a_stop_leaves_it_incomplete(self):
        with self.serve("--drain-timeout-s", "0", *SLOW_MODEL) as server:
            response = self.create(server, "Hello", **{**ENDLESS, "input": "Hello", "background": True})
            server.wait_until(lambda: self.retrieve(server, response["id"])["status"] == "in_progress")
            server.process.terminate()
            self.assertEqual(server.wait(), 0)
        with self.serve() as server:
            ended = self.retrieve(server, response["id"])
            self.assertEqual((ended["status"], ended["incomplete_details"]["reason"]), ("incomplete", "server_restarted"))

    def test_in_memory_too(self):
        with Server() as server:
            response = self.create(server, QUESTION, background=True)
            self.assertEqual(self.wait_for_end(server, response["id"])["status"], "completed")


class Conversations(StoredCase):
    def test_a_conversation_over_restarts(self):
        with self.serve() as server:
            conversation = server.post(CONVERSATIONS, {"metadata": {"topic": "capitals"}}).json
            self.assertEqual((conversation["object"], conversation["metadata"]), ("conversation", {"topic": "capitals"}))
            first = self.create(server, QUESTION, conversation=conversation["id"])
            self.assertEqual(first["conversation"], {"id": conversation["id"]})
            server.process.kill()
        with self.serve() as server:
            second = self.create(server, "And of Italy?", conversation={"id": conversation["id"]})
            told = [{"role": "user", "content": QUESTION}, *first["output"], {"role": "user", "content": "And of Italy?"}]
            self.assertEqual(second["usage"]["input_tokens"], self.create(server, told)["usage"]["input_tokens"])
            path = f"{CONVERSATIONS}/{conversation['id']}"
            items = server.get(path + "/items?order=asc").json
            self.assertEqual([i["role"] for i in items["data"]], ["user", "assistant"] * 2)
            self.assertFalse(items["has_more"])
            page = server.get(path + "/items?limit=3").json
            self.assertTrue(page["has_more"])
            rest = server.get(path + f"/items?limit=3&after={page['last_id']}").json
            self.assertEqual((page["data"] + rest["data"])[::-1], items["data"])
            self.assertEqual(server.post(path, {"metadata": {"a": "b"}}).json["metadata"], {"a": "b"})
            self.assertEqual(server.get(path).json["created_at"], conversation["created_at"])
            # Gone on from by the response, too: with what stood before it, and nothing of what came later.
            on = self.create(server, "And of Italy?", previous_response_id=first["id"])
            self.assertEqual(on["usage"]["input_tokens"], second["usage"]["input_tokens"])

    def test_items(self):
        with Server() as server:
            items = [{"role": "user", "content": "one"}, {"type": "message", "role": "assistant", "content": "two"}]
            path = f"{CONVERSATIONS}/{server.post(CONVERSATIONS, {'items': items}).json['id']}"
            call = {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"}
            added = server.post(path + "/items", {"items": [call]}).json
            self.assertEqual((added["object"], added["data"][0]["type"]), ("list", "function_call"))
            item = added["data"][0]
            self.assertTrue(item["id"].startswith("fc_"))
            self.assertEqual(server.get(f"{path}/items/{item['id']}").json, item)
            self.assertEqual(server.request("DELETE", f"{path}/items/{item['id']}").json["object"], "conversation")
            gone = server.get(f"{path}/items/{item['id']}")
            self.assertEqual((gone.status, gone.error["code"]), (404, "item_not_found"))
            self.assertEqual([i["content"][0]["text"] for i in server.get(path + "/items").json["data"]], ["two", "one"])
            self.assertEqual(server.get(path + "/items?after=msg_none").error["param"], "after")
            deleted = server.request("DELETE", path).json
            self.assertEqual(deleted["object"], "conversation.deleted")
            for method, at in (("GET", path), ("DELETE", path), ("GET", path + "/items")):
                reply = server.request(method, at)
                self.assertEqual((reply.status, reply.error["code"]), (404, "conversation_not_found"))

    def test_refused(self):
        with Server() as server:
            for body, param in (({"items": [{}] * 21}, "items"), ({"metadata": {"a": 1}}, "metadata.a"), ({"items": "x"}, "items")):
                reply = server.post(CONVERSATIONS, body)
                self.assertEqual((reply.status, reply.error["param"]), (400, param))
            first = self.create(server, "Hi")
            both = server.post(RESPONSES, {"input": "Hi", "conversation": "conv_1", "previous_response_id": first["id"]})
            self.assertEqual((both.status, both.error["code"]), (400, "mutually_exclusive_parameters"))
            none = server.post(RESPONSES, {"input": "Hi", "conversation": "conv_1"})
            self.assertEqual((none.status, none.error["code"]), (404, "conversation_not_found"))

    def test_what_is_broken_off_is_not_added(self):
        with Server(*SLOW_MODEL) as server:
            conversation = server.post(CONVERSATIONS, {}).json["id"]
            body = {**ENDLESS, "input": "Hello", "background": True, "conversation": conversation}
            response = self.create(server, "Hello", **body)
            server.post(f"{RESPONSES}/{response['id']}/cancel", b"")
            self.assertEqual(server.get(f"{CONVERSATIONS}/{conversation}/items").json["data"], [])


class Owners(StoredCase):
    def test_each_key_finds_its_own(self):
        with self.serve("--api-key", "alice,bob") as server:
            alice, bob = ({"Authorization": f"Bearer {key}"} for key in ("alice", "bob"))
            response = server.post(RESPONSES, {"input": "Hi"}, headers=alice).json
            conversation = server.post(CONVERSATIONS, {}, headers=alice).json
            for path in (f"{RESPONSES}/{response['id']}", f"{RESPONSES}/{response['id']}/input_items",
                         f"{CONVERSATIONS}/{conversation['id']}", f"{CONVERSATIONS}/{conversation['id']}/items"):
                self.assertEqual(server.get(path, headers=alice).status, 200)
                self.assertEqual(server.get(path, headers=bob).status, 404)
            on = server.post(RESPONSES, {"input": "Hi", "previous_response_id": response["id"]}, headers=bob)
            self.assertEqual(on.status, 400)
            self.assertNotIn(b"alice", self.bytes_of_folder())


if __name__ == "__main__":
    unittest.main()
