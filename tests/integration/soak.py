"""Mixed traffic for a given time, then a verdict: every answer as it must be, and nothing leaked.

python3 tests/integration/soak.py --minutes 30
python3 tests/integration/soak.py --minutes 5 --clients 12 --seed 3
python3 tests/integration/soak.py --serve "--model random:llama-3.2-1b --weights w4a8"   (a model that never ends by itself)

Clients ask all endpoints, streamed and not, with schemas, tools and mistakes, and hang up in the middle. Watched meanwhile: a
known answer, memory, descriptors, threads; and at the end, when nobody asks any more: blocks of the KV cache, requests,
descriptors, and the exit on SIGTERM. PUNA_BINARY names the binary, else it is build/release/puna.
"""

import argparse
import collections
import json
import random
import re
import shlex
import signal
import sys
import threading
import time

from puna import Server

QUESTIONS = ["What is the capital of France?", "What is 12 plus 30?", "Who are you?", "Count from 3 to 9.",
             "Rewrite in the past tense: I walk home.", "Tell me a story about a fox.", "What is the capital of Peru?"]
KNOWN = {"messages": [{"role": "user", "content": "What is the capital of France?"}], "temperature": 0, "logprobs": True}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "place", "strict": True, "schema": {
    "type": "object", "properties": {"city": {"type": "string", "maxLength": 12}, "size": {"enum": ["small", "large"]}},
    "required": ["city", "size"], "additionalProperties": False}}}
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {
    "type": "object", "properties": {"city": {"type": "string", "maxLength": 12}}, "required": ["city"],
    "additionalProperties": False}}}
FULL = 429  # a full queue is an answer, too
KV_CACHE_GIB = 0.1
MEMORY_SLACK_MIB = 48
STATUSES = collections.Counter()


class Finding(Exception):
    pass


def expect(reply, *statuses):
    STATUSES[reply.status] += 1
    if reply.status not in (*statuses, FULL):
        raise Finding(f"status {reply.status} instead of {statuses}: {reply.body[:300]!r}")
    if reply.status >= 400 and set(reply.error) != {"message", "type", "param", "code"}:
        raise Finding(f"an error of another shape: {reply.body[:300]!r}")
    return reply.status == 200


class Client(threading.Thread):
    """One client that asks one thing after another until the end."""

    def __init__(self, server, end, seed, counts, findings):
        super().__init__(daemon=True)
        self.server, self.end, self.random = server, end, random.Random(seed)
        self.counts, self.findings = counts, findings

    def run(self):
        actions = [getattr(self, name) for name in sorted(dir(self)) if name.startswith("do_")]
        while time.monotonic() < self.end:
            action = self.random.choice(actions)
            try:
                action()
                self.counts[action.__name__[3:]] += 1
            except Exception as error:  # whatever it is, the soak goes on and tells at the end
                self.findings.append(f"{action.__name__[3:]}: {type(error).__name__}: {error}")

    def body(self, **more):
        text = self.random.choice(QUESTIONS) + " " * self.random.randrange(3)
        history = [{"role": "system", "content": "You are helpful. " * self.random.randrange(1, 40)}]
        return {"messages": history + [{"role": "user", "content": text}],
                "max_tokens": self.random.randrange(1, 60), "temperature": self.random.choice([0, 0.7, 1.5]), **more}

    def chat(self, **more):
        return self.server.post("/v1/chat/completions", self.body(**more))

    def do_chat(self):
        expect(self.chat(n=self.random.randrange(1, 4)), 200)

    def do_again(self):
        """The same chat twice: the second time all but its last token is in the cache."""
        body = self.body(n=1)
        for _ in range(2):
            expect(self.server.post("/v1/chat/completions", body), 200)

    def do_one_token(self):
        expect(self.server.post("/v1/completions", {"prompt": [self.random.randrange(300)], "max_tokens": 3}), 200)
        expect(self.server.post("/v1/embeddings", {"input": [self.random.randrange(300)]}), 200)

    def do_long(self):
        """A prompt of many steps, of one of a few beginnings, cut anywhere; some leave in the middle."""
        words = [f"word{(i * i + self.random.randrange(2)) % 37}" for i in range(self.random.randrange(400, 1500))]
        prompt = f"Story {self.random.randrange(3)}: " + " ".join(words)
        expect(self.server.post("/v1/completions", {"prompt": prompt, "max_tokens": 4}), 200, 400)

    def do_chat_stream(self):
        reply = self.chat(stream=True, stream_options={"include_usage": True})
        if expect(reply, 200) and reply.events()[-1] != "[DONE]":
            raise Finding(f"the stream ended with {reply.events()[-1]}")

    def do_schema(self):
        reply = self.chat(response_format=SCHEMA)
        if expect(reply, 200) and reply.json["choices"][0]["finish_reason"] == "stop":
            value = json.loads(reply.json["choices"][0]["message"]["content"])
            if set(value) != {"city", "size"} or value["size"] not in ("small", "large"):
                raise Finding(f"not what the schema says: {value}")

    def do_tool(self):
        reply = self.chat(tools=[TOOL], tool_choice="required")
        if expect(reply, 200) and reply.json["choices"][0]["finish_reason"] == "tool_calls":
            call = reply.json["choices"][0]["message"]["tool_calls"][0]["function"]
            if call["name"] != "get_weather" or "city" not in json.loads(call["arguments"]):
                raise Finding(f"not the call that was offered: {call}")

    def do_completion(self):
        expect(self.server.complete([self.random.choice(QUESTIONS)] * 2, max_tokens=8, logprobs=3, echo=True), 200)

    def do_response(self):
        reply = self.server.post("/v1/responses", {"input": self.random.choice(QUESTIONS), "max_output_tokens": 20})
        if expect(reply, 200):
            path = "/v1/responses/" + reply.json["id"]
            expect(self.server.get(path), 200, 404)  # others may have pushed it out of the store
            expect(self.server.request("DELETE", path), 200, 404)

    def do_embedding(self):
        expect(self.server.post("/v1/embeddings", {"input": QUESTIONS[:self.random.randrange(1, 5)]}), 200)

    def do_tokenize(self):
        tokens = self.server.post("/tokenize", {"prompt": QUESTIONS[0]})
        expect(tokens, 200)
        expect(self.server.post("/detokenize", {"tokens": tokens.json["tokens"]}), 200)

    def do_look(self):
        for path in ("/v1/models", "/health", "/metrics", "/v1/capabilities"):
            expect(self.server.get(path), 200, 503)

    def do_mistake(self):
        method, path, body, statuses = self.random.choice([
            ("POST", "/v1/chat/completions", b"{", (400,)), ("POST", "/v1/chat/completions", b"[" * 100000, (400,)),
            ("POST", "/v1/chat/completions", {"messages": "hello"}, (400,)),
            ("POST", "/v1/chat/completions", self.body(temperature=99), (400,)),
            ("POST", "/v1/completions", {"prompt": "a " * 60000}, (400,)), ("GET", "/v1/nothing", None, (404,)),
            ("DELETE", "/v1/chat/completions", None, (405,)), ("POST", "/v1/completions", b"\xff\xfe", (400, 415))])
        expect(self.server.request(method, path, body), *statuses)

    def do_hang_up(self):
        sock = self.server.open_stream("/v1/chat/completions", self.body(stream=True, max_tokens=400, ignore_eos=True))
        with sock:
            sock.recv(self.random.choice([1, 200, 4000]))
            time.sleep(self.random.random() / 10)


def metric(text, name):
    return sum(float(v) for v in re.findall(rf"(?m)^{re.escape(name)}(?:{{[^}}]*}})? (\S+)$", text))


def process_state(server):
    text = server.get("/metrics").body.decode()
    return {"MiB": metric(text, "process_resident_memory_bytes") / 2**20, "descriptors": metric(text, "process_open_fds"),
            "threads": metric(text, "process_threads")}


def watch(server, end, findings):
    """Asks the known answer again and again; returns how the process looked."""
    wanted, seen = None, []
    while time.monotonic() < end:
        reply = server.post("/v1/chat/completions", KNOWN)
        if reply.status == 200:
            choice = reply.json["choices"][0]
            wanted = wanted or choice
            if choice != wanted:
                findings.append(f"the known answer changed: {choice} instead of {wanted}")
        seen.append(process_state(server))
        print(" ".join(f"{k} {v:.0f}" for k, v in seen[-1].items()), f"findings {len(findings)}", flush=True)
        time.sleep(5)
    return seen


def check_quiet(server, before, seen, findings):
    """Nobody asks any more: all must be as at the start."""
    server.wait_until(lambda: server.busy() == 0, 60)
    text = server.get("/metrics").body.decode()
    used = metric(text, 'puna_kv_cache_blocks{state="used"}') if 'state="used"' in text else 0
    if used != 0:
        findings.append(f"{used} blocks of the KV cache are still held")
    deadline = time.monotonic() + 30
    while process_state(server)["descriptors"] > before["descriptors"] + 2 and time.monotonic() < deadline:
        time.sleep(0.5)
    after = process_state(server)
    if after["descriptors"] > before["descriptors"] + 2 or after["threads"] > before["threads"] + 64:
        findings.append(f"descriptors or threads grew from {before} to {after}")
    # The pages of the KV cache become resident when they are first written.
    warm = max([before["MiB"] + 1024 * KV_CACHE_GIB] + [s["MiB"] for s in seen[:len(seen) // 3]])
    if after["MiB"] > warm + MEMORY_SLACK_MIB:
        findings.append(f"memory grew from {warm:.0f} MiB after a third of the time to {after['MiB']:.0f} MiB")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--serve", default="", help="more options of puna serve")
    arguments = parser.parse_args()
    counts, findings = collections.Counter(), []
    with Server("--max-num-seqs", "6", "--max-waiting", "4", "--kv-cache-gib", str(KV_CACHE_GIB),
                *shlex.split(arguments.serve)) as server:
        before = process_state(server)
        end = time.monotonic() + 60 * arguments.minutes
        clients = [Client(server, end, arguments.seed * 1000 + i, counts, findings) for i in range(arguments.clients)]
        for client in clients:
            client.start()
        seen = watch(server, end, findings)
        for client in clients:
            client.join(120)
            if client.is_alive():
                findings.append("a client was never answered")
        check_quiet(server, before, seen, findings)
        server.process.send_signal(signal.SIGTERM)
        if server.wait(60) != 0:
            findings.append("SIGTERM did not end it with 0")
    print("asked:", ", ".join(f"{name} {count}" for name, count in sorted(counts.items())), f"({sum(counts.values())} in all)")
    print("statuses:", ", ".join(f"{status} {count}" for status, count in sorted(STATUSES.items())))
    print("memory MiB:", f"{before['MiB']:.0f} at the start, {max(s['MiB'] for s in seen):.0f} at most,",
          f"{seen[-1]['MiB']:.0f} at the end")
    for finding, count in collections.Counter(findings).most_common(20):
        print(f"FINDING x{count}: {finding}")
    print("clean" if not findings else f"{len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
