"""docker/haproxy.cfg with the real HAProxy and two replicas: a conversation stays where its cache is, and survives a replica.

Skipped where there is no haproxy (Debian: apt-get install haproxy)."""

import http.client
import json
import os
import shutil
import subprocess
import time
import unittest

from puna import HANG_SECONDS, SOURCE, Server, free_port

HAPROXY = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin")
CONVERSATIONS = 12


@unittest.skipUnless(HAPROXY, "skipped: no haproxy")
class Proxy(unittest.TestCase):
    def setUp(self):
        self.replicas = [Server(), Server()]
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

    def test_conversations_move_when_their_replica_goes(self):
        history = [{"role": "user", "content": "What is the capital of Peru?"}]
        home, _ = self.chat(0, 0, history)
        self.replicas[home].__exit__()
        replica, _ = self.chat(0, 1, history)
        self.assertEqual(replica, 1 - home)
        self.assertEqual(self.chat(0, 2, history)[0], replica)


if __name__ == "__main__":
    unittest.main()
