"""docker/haproxy.cfg with the real HAProxy and two replicas: a conversation stays where its cache is, and survives a replica.

Skipped where there is no haproxy (Debian: apt-get install haproxy)."""

import http.client
import json
import os
import shutil
import socket
import subprocess
import threading
import time
import unittest

from puna import HANG_SECONDS, LONG, SOURCE, Server, TemporaryFolder, free_port

HAPROXY = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin")
CONVERSATIONS = 12


@unittest.skipUnless(HAPROXY, "skipped: no haproxy")
class Replicas(TemporaryFolder):
    def setUp(self):
        super().setUp()
        self.replicas = [Server("--responses-path", os.path.join(self.folder, "responses")) for _ in range(2)]
        for replica in self.replicas:
            self.addCleanup(replica.__exit__)
        self.port = free_port()
        environment = {**os.environ, "PUNA_LISTEN": f"127.0.0.1:{self.port}",
                       "PUNA_REPLICA_1": f"127.0.0.1:{self.replicas[0].port}",
                       "PUNA_REPLICA_2": f"127.0.0.1:{self.replicas[1].port}"}
        config = os.path.join(SOURCE, "docker", "haproxy.cfg")
        subprocess.run([HAPROXY, "-c", "-q", "-f", config], env=environment, check=True, timeout=HANG_SECONDS)
        self.process = subprocess.Popen([HAPROXY, "-db", "-f", config], env=environment, stdout=subprocess.DEVNULL)
        self.addCleanup(self.stop)
        deadline = time.monotonic() + HANG_SECONDS
        while self.ask("GET", "/health", {}, "probe")[0] != 200:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.1)

    def stop(self):
        self.process.terminate()
        self.process.wait(HANG_SECONDS)

    def ask(self, method, path, body, request_id):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=HANG_SECONDS)
        try:
            connection.request(method, path, json.dumps(body), {"Content-Type": "application/json", "X-Request-Id": request_id})
            reply = connection.getresponse()
            return reply.status, json.loads(reply.read() or b"{}")
        except (OSError, http.client.HTTPException, ValueError):
            return 0, {}
        finally:
            connection.close()

    def served_by(self, request_id):
        """The replica whose log names the request."""
        deadline = time.monotonic() + HANG_SECONDS
        while time.monotonic() < deadline:
            for number, replica in enumerate(self.replicas):
                if request_id in replica.log():
                    return number
            time.sleep(0.02)
        self.fail(f"no replica logged {request_id}")

    def chat(self, number, turn, history, **more):
        request_id = f"conversation-{number:02}-turn-{turn}"
        status, answer = self.ask("POST", "/v1/chat/completions", {"messages": history, "max_tokens": 8, **more}, request_id)
        self.assertEqual(status, 200, answer)
        history += [{"role": "assistant", "content": answer["choices"][0]["message"]["content"]},
                    {"role": "user", "content": f"And then, in turn {turn + 1}?"}]
        return self.served_by(request_id), answer["usage"]["prompt_tokens_details"]["cached_tokens"]

    def test_a_conversation_stays_with_its_replica_and_finds_its_cache(self):
        homes = []
        for number in range(CONVERSATIONS):
            history = [{"role": "user", "content": f"What is {number} plus {number + 3}?"}]
            if number % 2:
                history.insert(0, {"role": "system", "content": "You answer briefly."})
            home, _ = self.chat(number, 0, history)
            for turn in (1, 2):
                replica, cached = self.chat(number, turn, history)
                self.assertEqual(replica, home)
                self.assertGreater(cached, 0)
            homes.append(home)
        self.assertEqual(set(homes), {0, 1}, "one replica got everything")

    def test_the_cache_key_decides_where_there_is_one(self):
        homes = {}
        for number in range(CONVERSATIONS):
            key = f"agent-{number % 4}"
            history = [{"role": "user", "content": f"Question {number}?"}]
            homes.setdefault(key, set()).add(self.chat(number, 0, history, prompt_cache_key=key)[0])
        self.assertEqual({len(places) for places in homes.values()}, {1})

    # Every form in which a conversation can be sent, from turn to turn: the first one says who it is, the rest grows.
    def test_conversations_of_every_form_spread_and_stay(self):
        def parts(text):
            return [{"type": "text", "text": text}]
        question = "What is {} plus one?".format
        tools = [{"type": "function", "function": {"name": "add", "parameters": {"type": "object", "properties": {}}}}]
        forms = {
            "parts": lambda n, turn: ("/v1/chat/completions", {"messages": [
                {"role": "user", "content": parts(question(n))}, *turn * [{"role": "assistant", "content": "No."},
                                                                          {"role": "user", "content": parts("Why?")}]]}),
            "tools first": lambda n, turn: ("/v1/chat/completions", {"tools": tools, "tool_choice": "none", "messages": [
                {"role": "system", "content": parts("Be brief.")}, {"role": "user", "content": question(n)},
                *turn * [{"role": "assistant", "content": "No."}, {"role": "user", "content": "Why?"}]]}),
            "token ids": lambda n, turn: ("/v1/completions", {"prompt": [*range(n + 40, n + 56), *turn * [7, 8]]}),
            "items": lambda n, turn: ("/v1/responses", {"input": [
                {"role": "user", "content": question(n)}, *turn * [{"role": "assistant", "content": "No."},
                                                                   {"role": "user", "content": "Why?"}]]}),
            "texts": lambda n, turn: ("/v1/embeddings", {"input": [question(n), *turn * ["more"]]}),
            "conversation": lambda n, turn: ("/v1/responses", {"conversation": conversations[n], "input": f"{n}, {turn}?"}),
            "conversation object": lambda n, turn: ("/v1/responses", {
                "conversation": {"id": conversations[n + CONVERSATIONS]}, "input": f"{n}, {turn}?"}),
        }
        conversations = [self.ask("POST", "/v1/conversations", {}, f"new-{n}")[1]["id"] for n in range(2 * CONVERSATIONS)]
        for name, form in forms.items():
            homes = []
            for number in range(CONVERSATIONS):
                places = []
                for turn in range(3):
                    path, body = form(number, turn)
                    if path != "/v1/embeddings":
                        body["max_output_tokens" if path == "/v1/responses" else "max_tokens"] = 2
                    request_id = f"{name.replace(' ', '-')}-{number:02}-turn-{turn}"
                    status, answer = self.ask("POST", path, body, request_id)
                    self.assertEqual(status, 200, answer)
                    places.append(self.served_by(request_id))
                self.assertEqual(len(set(places)), 1, f"{name}: {places}")
                homes.append(places[0])
            self.assertEqual(set(homes), {0, 1}, f"{name}: one replica got everything")

    def test_who_leaves_a_whole_answer_is_noticed(self):
        sock = socket.create_connection(("127.0.0.1", self.port), timeout=HANG_SECONDS)
        body = json.dumps(LONG).encode()
        head = b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        sock.sendall(head % len(body) + body)
        busy = lambda: sum(replica.busy() for replica in self.replicas)
        self.replicas[0].wait_until(lambda: busy() == 1)
        sock.close()
        self.replicas[0].wait_until(lambda: busy() == 0)
        self.assertTrue(any("client left" in replica.log() for replica in self.replicas))

    def test_a_rolling_restart_answers_no_503(self):
        statuses, stop = [], threading.Event()

        def ask_on(number):
            count = 0
            while not stop.is_set():
                count += 1
                statuses.append(self.ask("POST", "/v1/completions", {"prompt": f"{number} {count}", "max_tokens": 2}, "")[0])
        threads = [threading.Thread(target=ask_on, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for number, replica in enumerate(self.replicas):
            before = len(statuses)
            self.replicas[0].wait_until(lambda: len(statuses) > before + 20)
            replica.__exit__()
            self.replicas[number] = fresh = Server(port=replica.port)
            self.addCleanup(fresh.__exit__)
            # HAProxy takes it back after a check; the next one goes only then.
            self.replicas[number].wait_until(lambda: "/v1/completions" in fresh.log())
        stop.set()
        for thread in threads:
            thread.join(HANG_SECONDS)
        self.assertEqual(set(statuses), {200})

    def test_conversations_move_when_their_replica_goes(self):
        history = [{"role": "user", "content": "What is the capital of Peru?"}]
        home, _ = self.chat(0, 0, history)
        self.replicas[home].__exit__()
        replica, _ = self.chat(0, 1, history)
        self.assertEqual(replica, 1 - home)
        self.assertEqual(self.chat(0, 2, history)[0], replica)


if __name__ == "__main__":
    unittest.main()
