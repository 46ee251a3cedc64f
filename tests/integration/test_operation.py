"""What an operator sees: health, metrics, and a server whose clients are slow or gone."""

import json
import os
import re
import socket
import time
import unittest

from puna import HANG_SECONDS, SharedServer, Server, free_port, run


def metrics(server, key=None):
    """Every sample of /metrics, by name with labels."""
    samples = {}
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    for line in server.get("/metrics", headers=headers).body.decode().splitlines():
        if not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            samples[name] = float(value)
    return samples


class Metrics(SharedServer):
    def test_they_count_what_was_done(self):
        before = metrics(self.server)
        tokens = 0
        for i in range(3):
            usage = self.server.complete(f"Number {i} of", max_tokens=5 + i, ignore_eos=True).json["usage"]
            self.assertEqual(usage["completion_tokens"], 5 + i)
            tokens += usage["prompt_tokens"]
        self.server.complete("Hello", max_tokens=300, ignore_eos=True, stop=["e"])
        self.assertEqual(self.server.post("/v1/completions", {}).status, 400)

        # The engine counts a sequence, and the server a request, a moment after the answer has left.
        def counted(samples):
            return [sum(value for name, value in samples.items() if name.startswith(family))
                    for family in ("puna_request_success_total", 'puna_http_requests_total{endpoint="/v1/completions"')]

        def all_counted():
            sequences, requests = counted(metrics(self.server))
            return (sequences, requests) == (counted(before)[0] + 4, counted(before)[1] + 5) and self.server.busy() == 0
        self.server.wait_until(all_counted)
        after = metrics(self.server)

        def grown(name):
            return after[name] - before.get(name, 0)
        self.assertEqual(grown('puna_request_success_total{finished_reason="length"}'), 3)
        self.assertEqual(grown('puna_request_success_total{finished_reason="stop"}'), 1)
        self.assertEqual(grown('puna_request_success_total{finished_reason="abort"}'), 0)
        self.assertGreaterEqual(grown("puna_prompt_tokens_total"), tokens)
        self.assertGreaterEqual(grown("puna_generation_tokens_total"), 5 + 6 + 7)
        self.assertEqual(grown('puna_http_requests_total{endpoint="/v1/completions",status="200"}'), 4)
        self.assertEqual(grown('puna_http_requests_total{endpoint="/v1/completions",status="400"}'), 1)
        for histogram in ("time_to_first_token", "e2e_request_latency", "request_queue_time", "request_prefill_time",
                          "request_decode_time"):
            name = f"puna_{histogram}_seconds"
            self.assertEqual(grown(name + "_count"), 4, name)
            self.assertEqual(after[name + '_bucket{le="+Inf"}'], after[name + "_count"])
        self.assertGreater(grown("puna_inter_token_latency_seconds_count"), 3)
        self.assertEqual(after["puna_num_requests_running"], 0)
        self.assertEqual(after["puna_kv_cache_usage_perc"], 0)
        self.assertGreater(after["process_resident_memory_bytes"], 1e6)
        self.assertTrue(any(name.startswith("puna_build_info{version=") for name in after))

    def test_unknown_paths_are_one_endpoint(self):
        for path in ("/a", "/b", "/c"):
            self.assertEqual(self.server.get(path).status, 404)
        name = 'puna_http_requests_total{endpoint="unknown",status="404"}'
        self.server.wait_until(lambda: metrics(self.server).get(name, 0) >= 3)
        self.assertEqual([found for found in metrics(self.server) if 'status="404"' in found], [name])


class Energy(unittest.TestCase):
    def test_shares_add_up(self):
        with Server("--power-watts", "100", "--idle-watts", "10", "--pue", "1.5", "--carbon-intensity", "400") as server:
            joules = grams = 0
            for i in range(4):
                usage = server.complete(f"Number {i}", max_tokens=20, include_energy=True, n=2).json["usage"]
                energy = usage["energy"]
                self.assertEqual(energy["source"], "estimated")
                joules += energy["joules"]
                grams += energy["gco2e"]
            self.assertNotIn("energy", server.complete("Hi", max_tokens=0, echo=True).json["usage"])
            usage = server.post("/v1/responses", {"input": "Hi", "max_output_tokens": 16, "include_energy": True}).json["usage"]
            joules += usage["energy"]["joules"]
            grams += usage["energy"]["gco2e"]
            body = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 4, "include_energy": True, "stream": True,
                    "stream_options": {"include_usage": True}}
            last = json.loads(server.post("/v1/chat/completions", body).events()[-2])
            joules += last["usage"]["energy"]["joules"]
            grams += last["usage"]["energy"]["gco2e"]
            server.wait_for_log("path=/v1/chat/completions .*joules=")  # the last
            server.wait_until(lambda: server.busy() == 0)
            # An idle engine counts every other second.
            server.wait_until(lambda: metrics(server)['puna_energy_joules_total{state="idle",source="estimated"}'] > 20)
            total = metrics(server)
            busy = total['puna_energy_joules_total{state="busy",source="estimated"}']
            logged = sum(float(j) for j in re.findall(r" joules=([0-9.]+)", server.log()))
            self.assertAlmostEqual(logged, busy, delta=0.01)  # the log has three decimals
            silent = re.search(r"completion_tokens=0 .*joules=([0-9.]+)", server.log())  # who did not ask for it
            self.assertAlmostEqual(joules + float(silent.group(1)), busy, delta=0.01)
            self.assertAlmostEqual(grams, joules / 3.6e6 * 1.5 * 400, delta=1e-9)
            self.assertGreater(total['puna_co2e_grams_total{state="idle",source="estimated"}'], 0)


class Probes(unittest.TestCase):
    def test_they_answer_when_every_connection_is_held(self):
        with Server("--max-connections", "8") as server:
            held = []
            for _ in range(8):
                held.append(socket.create_connection(("127.0.0.1", server.port)))
                held[-1].sendall(b"POST /v1/completions HTTP/1.1\r\nContent-Le")
            for path in ("/health", "/health/live", "/health/ready", "/metrics"):
                self.assertEqual(server.get(path).status, 200, path)
            refused = server.chat("Hi")
            self.assertEqual((refused.status, refused.error["code"]), (503, "too_many_connections"))
            self.assertIn("retry-after", refused.headers)
            for sock in held:
                sock.close()
            server.wait_until(lambda: server.chat("Hi", max_tokens=1).status == 200)

    def test_a_port_of_their_own(self):
        taken = free_port()
        with socket.create_server(("127.0.0.1", taken)):
            failed = run("serve", "--port", "0", "--metrics-port", str(taken), "--model", "random:llama-3.2-3b")
            self.assertEqual(failed.returncode, 1)
            self.assertIn(f"127.0.0.1:{taken}: Address already in use", failed.stderr)
            self.assertNotIn("loading the model", failed.stderr)
        with Server("--metrics-port", str(taken), "--api-key", "secret") as server:
            self.assertEqual(server.get("/metrics").status, 401)
            self.assertEqual(server.get("/health").status, 200)
            server.port = taken
            self.assertIn(b"puna_num_requests_running 0\n", server.get("/metrics").body)
            self.assertEqual(server.get("/health/ready").status, 200)
            self.assertEqual(server.chat("Hi").status, 404)
            self.assertNotIn("secret", server.log())


class Slow(unittest.TestCase):
    def test_a_head_that_never_ends_is_cut(self):
        with Server() as server:
            sock = socket.create_connection(("127.0.0.1", server.port), timeout=1)
            sock.sendall(b"GET /health HTTP/1.1\r\nX: ")
            begin = time.monotonic()
            try:
                while time.monotonic() - begin < HANG_SECONDS:
                    try:
                        if not sock.recv(100):
                            break
                    except socket.timeout:
                        sock.sendall(b"a")  # each byte restarts the socket's own timeout
            except OSError:
                pass
            self.assertLess(time.monotonic() - begin, HANG_SECONDS)
            sock.close()
            server.wait_until(lambda: metrics(server)["puna_http_connections_cut_total"] >= 1)


if __name__ == "__main__":
    unittest.main()
