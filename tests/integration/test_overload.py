"""More than the server can take, clients that misbehave, and a world that breaks: afterwards nothing may be left behind."""

import glob
import json
import os
import resource
import selectors
import signal
import socket
import subprocess
import threading
import time
import unittest

from puna import (BINARY, HANG_SECONDS, LONG, SLOW_MODEL, Server, TemporaryFolder, clean_environment, free_port, read_until,
                  run)
from test_operation import metrics

STREAMS = 1000


def known_answer(server):
    reply = server.complete("Once upon a time", max_tokens=24, ignore_eos=True, temperature=0)
    assert reply.status == 200, reply.body
    return reply.json["choices"][0]["text"]


class Leakless(unittest.TestCase):
    """Compares what the process holds before and after a test, and a known answer."""

    def begin(self, server):
        self.answer = known_answer(server)
        self.before = metrics(server)

    def check_nothing_left(self, server):
        def idle():
            now = metrics(server)
            return (now["puna_num_requests_running"] + now["puna_num_requests_waiting"] == 0
                    and now['puna_kv_cache_blocks{state="used"}'] == 0
                    and now["process_open_fds"] <= self.before["process_open_fds"] + 1
                    and now["process_threads"] <= self.before["process_threads"] + 2)
        server.wait_until(idle)
        self.assertEqual(known_answer(server), self.answer)
        self.assertEqual(metrics(server)['puna_request_success_total{finished_reason="error"}'], 0)


def requests_held(server):
    now = metrics(server)
    return now["puna_num_requests_running"] + now["puna_num_requests_waiting"]


def send_stream(server, body):
    return server.open_stream("/v1/completions", {**body, "stream": True})


def read_all_streams(sockets):
    """What each socket received until its stream ended."""
    received = {sock: b"" for sock in sockets}
    deadline = time.monotonic() + HANG_SECONDS
    with selectors.DefaultSelector() as selector:
        for sock in sockets:
            selector.register(sock, selectors.EVENT_READ)
        while selector.get_map():
            assert time.monotonic() < deadline, f"{len(selector.get_map())} streams did not end"
            for key, _ in selector.select(1):
                part = key.fileobj.recv(65536)
                received[key.fileobj] += part
                if not part or received[key.fileobj].endswith(b"0\r\n\r\n"):
                    selector.unregister(key.fileobj)
    return list(received.values())


class Overload(Leakless):
    def setUp(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = 2 * STREAMS + 200
        if hard != resource.RLIM_INFINITY and hard < wanted:
            self.skipTest(f"skipped: no more than {hard} open files are allowed here")
        if soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))

    def test_a_thousand_open_streams(self):
        with Server("--max-num-seqs", "8", "--max-waiting", str(STREAMS), "--max-connections", str(STREAMS + 100),
                    "--no-speculation") as server:
            self.begin(server)
            first = [send_stream(server, LONG) for _ in range(8)]
            for sock in first:
                read_until(sock, b"data: ")
            sockets = [send_stream(server, {"prompt": f"Stream {i}", "max_tokens": 2, "ignore_eos": True})
                       for i in range(STREAMS)]
            server.wait_until(lambda: metrics(server)["puna_http_connections"] >= STREAMS)
            for path in ("/health", "/health/live", "/metrics"):
                self.assertEqual(server.get(path).status, 200)
            for sock in first:
                sock.close()
            for answer in read_all_streams(sockets):
                self.assertIn(b"200 OK", answer)
                self.assertIn(b"data: [DONE]\n\n", answer)
            for sock in sockets:
                sock.close()
            self.check_nothing_left(server)

    def test_the_rest_is_refused_at_once(self):
        with Server("--max-num-seqs", "2", "--max-waiting", "10", *SLOW_MODEL) as server:
            self.begin(server)
            held = [send_stream(server, LONG) for _ in range(2)]
            for sock in held:
                read_until(sock, b"data: ")
            replies, barrier = [], threading.Barrier(200)

            def ask():
                barrier.wait()
                replies.append(server.complete("Hello", max_tokens=4, ignore_eos=True))
            threads = [threading.Thread(target=ask) for _ in range(200)]
            for thread in threads:
                thread.start()
            server.wait_until(lambda: len(replies) == 190)  # while the ten admitted still wait
            for reply in replies:
                self.assertEqual(reply.status, 429)
                self.assertGreaterEqual(int(reply.headers["retry-after"]), 1)
                self.assertGreaterEqual(int(reply.headers["x-queue-position"]), 1)
                self.assertIn("in line", reply.error["message"])
            self.assertEqual(server.get("/health/ready").status, 503)
            for sock in held:
                sock.close()
            for thread in threads:
                thread.join(HANG_SECONDS)
            self.assertEqual(sorted(reply.status for reply in replies), [200] * 10 + [429] * 190)
            self.assertEqual(server.get("/health/ready").status, 200)
            self.check_nothing_left(server)


class Misbehaving(Leakless):
    def test_clients_that_leave_at_every_point(self):
        payload = json.dumps({**LONG, "stream": True}).encode()
        whole = (b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                 b"Content-Length: %d\r\n\r\n" % len(payload)) + payload
        head = len(whole) - len(payload)
        with Server("--max-num-seqs", "4", "--no-speculation") as server:
            self.begin(server)
            for reset in (False, True):
                for length in (0, 1, 20, head - 2, head, head + 1, len(whole) - 1, len(whole)):
                    for wanted in (b"",) if length < len(whole) else (b"", b"HTTP", b"\r\n\r\n", b"data: ", b"\n\ndata: "):
                        sock = socket.create_connection(("127.0.0.1", server.port), timeout=HANG_SECONDS)
                        sock.sendall(whole[:length])
                        if wanted:
                            read_until(sock, wanted)
                        if reset:  # RST instead of FIN
                            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                        sock.close()
            self.check_nothing_left(server)

    def test_readers_that_take_nothing_hold_up_nobody(self):
        with Server("--max-num-seqs", "8", "--no-speculation") as server:
            self.begin(server)
            lazy = []
            for _ in range(4):
                sock = socket.socket()
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
                sock.connect(("127.0.0.1", server.port))
                payload = json.dumps({**LONG, "max_tokens": 2000, "logprobs": 5, "stream": True}).encode()
                sock.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                             b"Content-Length: %d\r\n\r\n" % len(payload) + payload)
                lazy.append(sock)
            half = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(50)]
            for i, sock in enumerate(half):
                sock.sendall(b"POST /v1/completions HTTP/1.1\r\nContent-Length: 100\r\n\r\n{"[:10 + i])
            self.assertEqual(known_answer(server), self.answer)
            server.wait_until(lambda: server.busy() == 0)  # all was computed, though nobody took it
            for sock in lazy + half:
                sock.close()
            self.check_nothing_left(server)


class Ends(Leakless):
    def test_a_stop_under_load_is_bounded(self):
        with Server("--max-num-seqs", "2", "--max-waiting", "50", "--drain-timeout-s", "1", "--no-speculation") as server:
            sockets = [send_stream(server, LONG) for _ in range(30)]
            read_until(sockets[0], b"data: ")
            # Once all of them are running or waiting; a connection still in the listen queue would be reset instead.
            server.wait_until(lambda: requests_held(server) == len(sockets))
            server.process.send_signal(signal.SIGTERM)
            for answer in read_all_streams(sockets):
                self.assertTrue(b"shutting_down" in answer or b"[DONE]" in answer, answer[-300:])
            self.assertEqual(server.wait(), 0)
            for sock in sockets:
                sock.close()

    def test_killed_and_started_again(self):
        port = free_port()  # which nobody else gets while there is no server
        with Server(port=port) as server:
            answer = known_answer(server)
            sock = send_stream(server, LONG)
            read_until(sock, b"data: ")
            server.process.kill()
            self.assertEqual(server.wait(), -signal.SIGKILL)
        with Server(port=port) as server:
            self.assertEqual(known_answer(server), answer)
        sock.close()


class BrokenWorld(TemporaryFolder):
    def serve(self, port, env=None, **more):
        """A server whose log nobody reads; ready when it returns."""
        server = Server.__new__(Server)
        server.lines, server.log_grew, server.port = [], threading.Condition(), port
        server.process = subprocess.Popen([BINARY, "serve", "--port", str(port), "--threads", "1"],
                                          env=clean_environment(env), stdout=subprocess.DEVNULL, **more)
        self.addCleanup(server.process.wait)
        self.addCleanup(server.process.kill)

        def ready():
            try:
                return server.get("/health/ready").status == 200
            except OSError:
                self.assertIsNone(server.process.poll())
                return False
        server.wait_until(ready)
        return server

    def test_a_log_on_a_full_disk(self):
        with open("/dev/full", "wb") as full:
            server = self.serve(free_port(), stderr=full)
        answer = known_answer(server)
        for _ in range(20):
            self.assertEqual(known_answer(server), answer)
        server.process.send_signal(signal.SIGTERM)
        self.assertEqual(server.wait(), 0)

    def test_a_log_whose_reader_is_gone(self):
        read_end, write_end = os.pipe()
        with os.fdopen(write_end, "wb") as pipe:
            server = self.serve(free_port(), stderr=pipe)
        os.close(read_end)
        answer = known_answer(server)
        for _ in range(20):
            self.assertEqual(known_answer(server), answer)

    def test_models_that_cannot_be_read(self):
        path = os.path.join(self.folder, "config.json")
        for make in (lambda: os.mkdir(path), lambda: os.symlink("/no/such/file", path), lambda: os.mkfifo(path),
                     lambda: self.write("config.json", ""), lambda: self.write("config.json", '{"architectures": ["Llama')):
            make()
            result = run("serve", "--port", "0", "--model", self.folder, timeout=HANG_SECONDS)
            self.assertEqual(result.returncode, 1, result.stderr)
            self.assertIn(self.folder, result.stderr)
            os.rmdir(path) if os.path.isdir(path) else os.remove(path)

    def test_a_clock_that_jumps(self):
        library = glob.glob("/usr/lib/*/faketime/libfaketime.so.1")
        if not library:
            self.skipTest("skipped: there is no libfaketime to make the clock jump")
        clock = self.write("clock", "+0")
        port = free_port()
        server = self.serve(port, stderr=subprocess.DEVNULL, env={
            "LD_PRELOAD": library[0], "FAKETIME_TIMESTAMP_FILE": clock, "FAKETIME_NO_CACHE": "1", "DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1"})
        answer = known_answer(server)
        for jump in ("+30d", "-3650d", "+0"):
            sock = send_stream(server, {**LONG, "max_tokens": 300})
            read_until(sock, b"data: ")
            self.write("clock", jump)
            read_until(sock, b"data: [DONE]\n\n")
            sock.close()
            self.assertEqual(known_answer(server), answer)
            self.assertEqual(server.get("/health/live").status, 200)
        now = metrics(server)
        self.assertLess(now["puna_e2e_request_latency_seconds_sum"], 86400)  # a jump would be many days
        self.assertGreaterEqual(now["puna_request_decode_time_seconds_sum"], 0)


if __name__ == "__main__":
    unittest.main()
