"""Who asks: keys with names and limits, fair shares of the engine, clients behind trusted proxies."""

import hashlib
import json
import signal
import socket
import unittest

from puna import HANG_SECONDS, LONG, SLOW_MODEL, Server, TemporaryFolder
from test_operation import metrics

WORDS = "the quick brown fox jumps over the lazy dog and then goes home to sleep for a while "


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


def complete(server, key, prompt="Hi", **more):
    return server.post("/v1/completions", {"prompt": prompt, "max_tokens": 2, "temperature": 0, **more}, headers=bearer(key))


def stream_from(server, address, body):
    """A stream of the client with that address; the socket on which it comes."""
    payload = json.dumps({**body, "stream": True}).encode()
    sock = socket.create_connection(("127.0.0.1", server.port), timeout=HANG_SECONDS)
    sock.sendall(f"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                 f"X-Forwarded-For: 10.9.9.9, {address}\r\nContent-Length: {len(payload)}\r\n\r\n".encode() + payload)
    return sock


class NamedKeys(TemporaryFolder):
    def write_keys(self, *keys):
        return self.write("keys.json", json.dumps({"keys": keys}))

    def test_limits_are_told_kept_counted_and_read_again(self):
        alice = {"name": "alice", "key": "sk-alice", "requests_per_minute": 2, "tokens_per_minute": 100000}
        bob = {"name": "bob", "sha256": hashlib.sha256(b"sk-bob").hexdigest()}
        path = self.write_keys(alice, bob)
        with Server("--keys-file", path) as server:
            self.assertEqual(complete(server, "sk-carol").status, 401)
            first = complete(server, "sk-alice")
            self.assertEqual(first.status, 200)
            self.assertEqual(first.headers["x-ratelimit-limit-requests"], "2")
            self.assertEqual(first.headers["x-ratelimit-remaining-requests"], "1")
            self.assertRegex(first.headers["x-ratelimit-reset-requests"], r"^\d+(\.\d)?s$")
            self.assertEqual(first.headers["x-ratelimit-limit-tokens"], "100000")
            statuses = [complete(server, "sk-alice").status for _ in range(3)]
            self.assertIn(429, statuses)
            refused = next(r for r in (complete(server, "sk-alice") for _ in range(20)) if r.status == 429)
            self.assertEqual(refused.error["code"], "rate_limit_exceeded")
            self.assertEqual(refused.error["type"], "requests")
            self.assertGreaterEqual(int(refused.headers["retry-after"]), 1)
            self.assertEqual(server.get("/v1/models", headers=bearer("sk-alice")).status, 200)
            for _ in range(5):
                reply = complete(server, "sk-bob")
                self.assertEqual(reply.status, 200)
                self.assertNotIn("x-ratelimit-limit-requests", reply.headers)
            page = server.get("/metrics", headers=bearer("sk-bob")).body.decode()
            self.assertIn('puna_key_requests_in_progress{key="bob"} 0', page)
            self.assertRegex(page, r'puna_key_requests_total\{key="bob"\} [5-9]')
            self.assertRegex(page, r'puna_key_generation_tokens_total\{key="bob"\} 10\b')
            self.assertRegex(page, r'puna_key_refused_requests_total\{key="alice",limit="requests"\} [1-9]')
            self.assertNotIn("sk-", page)
            self.assertRegex(server.log(), r"client=127\.0\.0\.1 key=bob")
            self.write_keys({**alice, "requests_per_minute": 0}, {"name": "carol", "key": "sk-carol"})
            server.process.send_signal(signal.SIGHUP)
            server.wait_for_log("read again: keys")
            self.assertEqual([complete(server, key).status for key in ("sk-alice", "sk-bob", "sk-carol")], [200, 401, 200])
            self.assertNotIn("sk-", server.log())

    def test_streams_at_once(self):
        path = self.write_keys({"name": "alice", "key": "sk-alice", "streams": 1})
        with Server("--keys-file", path, *SLOW_MODEL) as server:
            running = server.connect()
            running.request("POST", "/v1/completions", json.dumps({**LONG, "stream": True}),
                            {"Content-Type": "application/json", **bearer("sk-alice")})
            answer = running.getresponse()
            self.assertEqual(answer.status, 200)
            self.assertEqual(complete(server, "sk-alice").status, 429)
            answer.close()
            running.close()
            server.wait_until(lambda: complete(server, "sk-alice").status == 200)

    def test_who_waits_is_counted_by_key(self):
        path = self.write_keys({"name": "alice", "key": "sk-alice"}, {"name": "bob", "key": "sk-bob"})
        with Server("--keys-file", path, "--max-num-seqs", "1", *SLOW_MODEL) as server:
            def send(key):
                connection = server.connect()
                connection.request("POST", "/v1/completions", json.dumps({**LONG, "stream": True}),
                                   {"Content-Type": "application/json", **bearer(key)})
                self.addCleanup(connection.close)
                return connection
            def counted(name, key):
                return metrics(server, "sk-bob")[f'puna_key_{name}{{key="{key}"}}']
            first = send("sk-alice")
            server.wait_until(lambda: metrics(server, "sk-bob")["puna_num_requests_running"] == 1)
            waiting = [send("sk-alice"), send("sk-bob"), send("sk-bob")]
            server.wait_until(lambda: counted("requests_waiting", "bob") == 2)
            server.wait_until(lambda: counted("requests_waiting", "alice") == 1)
            self.assertEqual(counted("requests_in_progress", "alice"), 2)
            self.assertEqual(counted("http_connections", "alice"), 2)
            now = metrics(server, "sk-bob")
            reasons = [now[f'puna_num_requests_waiting_for{{reason="{r}"}}'] for r in ("turn", "place", "blocks", "prefix", "disk")]
            self.assertEqual(sum(reasons), 3)
            self.assertGreater(reasons[1], 0)
            for connection in waiting:
                connection.close()
            server.wait_until(lambda: counted("requests_waiting", "bob") == counted("requests_waiting", "alice") == 0)
            first.close()
            server.wait_until(lambda: counted("http_connections", "alice") == counted("requests_in_progress", "alice") == 0)

    def test_one_key_finds_nothing_of_another_in_the_cache(self):
        path = self.write_keys({"name": "alice", "key": "sk-alice"}, {"name": "bob", "key": "sk-bob"})
        cached = lambda key: complete(server, key, WORDS * 10).json["usage"]["prompt_tokens_details"]["cached_tokens"]
        with Server("--keys-file", path) as server:
            self.assertEqual(cached("sk-alice"), 0)
            self.assertGreater(cached("sk-bob"), 0)
        with Server("--keys-file", path, "--cache-salt-by-key") as server:
            self.assertEqual(cached("sk-alice"), 0)
            self.assertEqual(cached("sk-bob"), 0)
            self.assertGreater(cached("sk-alice"), 0)


class FairShares(unittest.TestCase):
    def test_one_clients_streams_and_line_do_not_keep_another_out(self):
        with Server("--trusted-proxies", "127.0.0.0/8", "--max-num-seqs", "2", "--max-waiting", "30", *SLOW_MODEL) as server:
            many = []
            self.addCleanup(lambda: [sock.close() for sock in many])
            many += [stream_from(server, "203.0.113.1", {**LONG, "prompt": f"{i} {WORDS}"}) for i in range(32)]
            server.wait_until(lambda: server.busy() == 32 and server.get("/health").json["running"] == 2)
            body = {"prompt": "Hello", "max_tokens": 3, "ignore_eos": True}
            ask = lambda address: server.post("/v1/completions", body, headers={"X-Forwarded-For": address})
            self.assertEqual(ask("203.0.113.1").status, 429)
            self.assertEqual(ask("203.0.113.1, 203.0.113.1").status, 429)
            reply = ask("203.0.113.2")
            self.assertEqual(reply.status, 200)
            server.wait_until(lambda: server.busy() == 32)  # it has overtaken all of them
            self.assertGreater(metrics(server)["puna_num_preemptions_total"], 0)
            server.wait_for_log(r"status=200 .*client=203\.0\.113\.2\b")
            for sock in many:
                sock.close()
            server.wait_until(lambda: server.busy() == 0)

    def test_priority_orders_the_requests_of_one_client(self):
        with Server("--max-num-seqs", "1", *SLOW_MODEL) as server:
            running = server.open_stream("/v1/completions", {**LONG, "stream": True, "priority": 1})
            self.addCleanup(running.close)
            server.wait_until(lambda: server.busy() == 1)
            reply = server.complete("Hello", max_tokens=3, priority=-1)
            self.assertEqual(reply.status, 200)
            server.wait_until(lambda: server.busy() == 1)
            self.assertEqual(server.complete("Hello", priority=0.5).error["param"], "priority")
            running.close()


if __name__ == "__main__":
    unittest.main()
