"""Runs the fuzz targets, each for some seconds, from seeds out of the tests' data and from what earlier runs found.

cmake --preset asan && cmake --build --preset fuzz
python3 tests/fuzz/run.py                          every target but those of BY_NAME for 10 seconds
python3 tests/fuzz/run.py --seconds 300 grammar    one of them for minutes
python3 tests/fuzz/run.py --runs 5000              a fixed number of inputs from a fixed seed: the same each time

What is found new is kept in build/asan/corpus/<target>. Ends with one line a target, and with 1 if one of them crashed,
hung or took too much memory; the input that did it is named.
"""

import argparse
import base64
import glob
import gzip
import json
import os
import re
import struct
import subprocess
import sys
import zlib

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, "build", "asan")
MAX_SEED_BYTES = 1 << 16
# Young: built and run where they are named, until a long run finds nothing.
BY_NAME = {"content_coding", "http_request", "model_folder"}


def read(*path):
    with open(os.path.join(ROOT, *path), "rb") as file:
        return file.read()


def lines(*path):
    return [json.loads(line) for line in read(*path).decode().splitlines()]


def shared(pattern):
    """Golden files beside the project, where they are."""
    folder = os.environ.get("PUNA_SHARED", os.path.join(ROOT, "..", "shared"))
    found = [path for part in ("golden", "cases") for path in glob.glob(os.path.join(folder, part, "**", pattern), recursive=True)]
    return [read(path) for path in sorted(found)[:20] if os.path.getsize(path) <= MAX_SEED_BYTES]


def safetensors():
    header = json.dumps({"a": {"dtype": "BF16", "shape": [2, 2], "data_offsets": [0, 8]}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(8)


def grammars():
    cases = lines("tests/engine/grammar/data/schemas.jsonl")
    schemas = [b"\0" + json.dumps(case["schema"]).encode() for case in cases]
    others = [b"\1(ab|c{2,3})*[^x-z]\\d+", b'\2root ::= "a" b*\nb ::= [0-9]+ | "(" root ")"',
              b'\3{"type": "object"}',
              b'\4start: (a | B)+ "x"~2..3\na: a "y" | /z+/i\nB: "0".."9"\n%import common.WS\n%ignore WS']
    return schemas[::5] + others


def seeds(target):
    if target in ("chat_request", "message_values"):
        chat = {"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}]}], "temperature": 0.5, "n": 2,
                "stop": ["a"],
                "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
                "response_format": {"type": "json_object"}, "logit_bias": {"1": -5},
                "stream_options": {"include_usage": True}}
        call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"x": [1.5, {"y": null}]}'}}
        calls = {"messages": [{"role": "assistant", "content": None, "tool_calls": [call]},
                              {"role": "tool", "tool_call_id": "c", "content": "{}"}]}
        return [json.dumps(chat).encode(), json.dumps(calls).encode(),
                b'{"prompt": [[1, 2], [3]], "max_tokens": 5, "echo": true, "logprobs": 3}']
    if target == "tool_call":
        cases = lines("tests/api/data/tool_calls.jsonl")
        return [bytes([i % 32]) + case["text"].encode() for i, case in enumerate(cases)]
    if target == "chat_template":
        return [read("tests/api/template/data", n) for n in ("chatml.jinja", "micro.jinja")] + \
               [read("engine/demo/chat_template.jinja")]
    if target == "http_request":
        requests = (b"POST /v1 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}GET / HTTP/1.0\r\n\r\n",
                    b"POST http://x/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\n{}\r\n0\r\nX: y\r\n\r\n",
                    b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Close\r\nExpect: 100-Continue\r\n\r\n")
        return [bytes([cut]) + request for request in requests for cut in (0, 1, 7)]
    if target == "content_coding":
        return [b"\0" + gzip.compress(b"{}"), b"\1" + zlib.compress(b"{}" * 99), b"\2\x0b\1\x80{}\3", b"\3(\xb5/\xfd \2\x11\0\0{}",
                b"\4" + gzip.compress(gzip.compress(b"{}"))]
    if target == "tokenizer_model":
        return [b"".join(base64.b64encode(bytes([i])) + b" %d\n" % i for i in range(256))]
    return {"model_config": lambda: [read("engine/demo/model/config.json")],
            "tokenizer_json": lambda: [read("tests/engine/tokenizer/data/tokenizer_micro.json")],
            "safetensors": lambda: [safetensors()] + shared("*.safetensors"),
            "model_folder": lambda: [read("engine/demo/model/config.json")] + shared("*.gguf"),
            "gguf": lambda: shared("*.gguf") or [b"GGUF\3\0\0\0" + bytes(16)],
            "pth": lambda: shared("*.pth") or [b"PK\5\6" + bytes(18)],
            "grammar": grammars}[target]()


def run(target, seconds, runs):
    corpus = os.path.join(BUILD, "corpus", target)
    os.makedirs(corpus, exist_ok=True)
    for number, seed in enumerate(seeds(target)):
        with open(os.path.join(corpus, f"seed{number}"), "wb") as file:
            file.write(seed)
    result = subprocess.run(
        [os.path.join(BUILD, f"fuzz_{target}"), corpus, f"-max_total_time={seconds}", "-timeout=300",
         "-rss_limit_mb=3000", f"-max_len={MAX_SEED_BYTES}", *([f"-runs={runs}", "-seed=1"] if runs else []),
         "-print_final_stats=1", f"-artifact_prefix={BUILD}/{target}-"],
        capture_output=True, text=True, errors="replace", timeout=seconds + 3600, check=False)
    executed = re.search(r"stat::number_of_executed_units:\s*(\d+)", result.stderr)
    cover = re.findall(r"cov: (\d+)", result.stderr)
    print(f"{target}: {executed.group(1) if executed else '?'} inputs, {cover[-1] if cover else '?'} edges,",
          "ok" if result.returncode == 0 else "FAILED", flush=True)
    if result.returncode != 0:
        print(result.stderr[-6000:])
    return result.returncode == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", help="names without _fuzz; none: all but BY_NAME's")
    parser.add_argument("--seconds", type=int, default=10, help="for each target")
    parser.add_argument("--runs", type=int, default=0, help="inputs for each target, if fewer than the seconds allow")
    arguments = parser.parse_args()
    sources = glob.glob(os.path.join(ROOT, "tests", "fuzz", "*_fuzz.cc"))
    everything = sorted(os.path.basename(path)[:-len("_fuzz.cc")] for path in sources)
    usual = [target for target in everything if target not in BY_NAME]
    good = [run(target, arguments.seconds, arguments.runs) for target in arguments.targets or usual]
    print(f"# pass {sum(good)}\n# fail {len(good) - sum(good)}")
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
