"""The structure of the tree, as a test: includes run one way, outside headers stay fenced, files stay short.

Usage: layering.py ROOT. Prints one line per finding, as file:line: what is wrong, and exits with 1 if there is any.
"""

import os
import re
import subprocess
import sys

# Room -> the rooms, or single headers, of ours that it may include besides itself. Lowest floor first; nothing includes
# upwards.
_CHECKPOINT = {"engine/checkpoint/files", "engine/checkpoint/config", "engine/checkpoint/sources"}
ALLOWED = {
    "config": set(),
    "api/json": set(),  # a body's bytes to values, and the error that says what is wrong with them
    "api/template": set(),  # Jinja
    "api/fields": {"api/json"},  # what the endpoints' bodies have in common
    "api/tool_calls": {"api/json", "api/fields"},  # calls in the text that a model writes
    "api/endpoints": {"api/json", "api/fields", "api/tool_calls"},  # a request's struct and an answer's JSON, per endpoint
    "engine/base": set(),
    "engine/kernels": {"engine/base"},
    "engine/request": {"engine/base"},
    "engine/kv_cache": {"engine/base"},
    "engine/tokenizer": {"engine/base"},
    "engine/grammar/automata": {"engine/base"},
    "engine/grammar/regex": {"engine/base", "engine/grammar/automata"},
    "engine/grammar/schema": {"engine/base", "engine/grammar/automata", "engine/grammar/regex"},
    "engine/grammar/masks": {"engine/base", "engine/grammar/automata", "engine/request", "engine/tokenizer"},
    "engine/grammar": {
        "engine/base", "engine/grammar/automata", "engine/grammar/masks", "engine/grammar/regex", "engine/grammar/schema",
        "engine/request", "engine/tokenizer",
    },
    "engine/checkpoint/files": {"engine/base", "engine/kernels"},
    "engine/checkpoint/config": {"engine/base", "engine/checkpoint/files"},
    "engine/checkpoint/sources": {
        "engine/base", "engine/kernels", "engine/checkpoint/files", "engine/checkpoint/config",
    },
    "engine/checkpoint/hf": {"engine/base", *_CHECKPOINT},
    "engine/checkpoint/gguf": {"engine/base", *_CHECKPOINT},
    "engine/checkpoint/meta": {"engine/base", *_CHECKPOINT},
    "engine/checkpoint/packed": {"engine/base", *_CHECKPOINT},
    "engine/checkpoint": {
        "engine/base", *_CHECKPOINT, "engine/checkpoint/hf", "engine/checkpoint/gguf", "engine/checkpoint/meta",
    },
    "engine/layers": {"engine/base", "engine/kernels", "engine/checkpoint/sources"},
    "engine/sampling": {"engine/base", "engine/kernels", "engine/request"},
    "engine/model": {
        "engine/base", "engine/kernels", "engine/checkpoint/config", "engine/checkpoint/packed", "engine/checkpoint/sources",
        "engine/kv_cache", "engine/layers",
    },
    "engine/quantize": {
        "engine/base", "engine/kernels", *_CHECKPOINT, "engine/kv_cache", "engine/layers", "engine/model",
    },
    "engine/scheduler": {"engine/base", "engine/kv_cache", "engine/request"},  # never the model, never tensors
    "engine/demo": {"engine/base"},
    "engine": {
        "config", "engine/base", "engine/kv_cache", "engine/model", "engine/request", "engine/sampling",
        "engine/scheduler",
    },
    "server/host": {"config", "engine"},  # process and machine: log, signals, limits, energy, progress
    "server/http": {"config", "api/fields", "api/json", "server/host"},  # sockets, routes, keys; knows no endpoint
    "server/model": {  # from the operator's choice to a loaded model with its text side
        "config", "api/fields", "api/json", "api/template", "api/tool_calls", "engine", "engine/base", "engine/checkpoint",
        "engine/checkpoint/files", "engine/checkpoint/gguf", "engine/checkpoint/sources", "engine/demo", "engine/model",
        "engine/tokenizer", "server/host",
        "engine/kv_cache/block_id.h",  # the unit in which the operator's memory is given out
    },
    "server/generate": {  # from a read request to the engine, and from token events to text
        "config", "api/endpoints", "api/fields", "api/json", "api/tool_calls", "engine", "engine/checkpoint/config",
        "engine/grammar", "engine/grammar/automata", "engine/grammar/masks", "engine/request", "engine/tokenizer",
        "server/host", "server/http", "server/model",
    },
    "server/endpoints": {  # one handler each: wire to generate and back
        "config", "api/endpoints", "api/fields", "api/json", "server/generate", "server/http",
    },
    "server/operate": {  # what operators look at: probes, metrics, the listener that answers them
        "config", "api/json", "engine", "engine/kv_cache/block_id.h", "server/generate", "server/host", "server/http",
    },
    "server/convert": {  # quantize, pack
        "config", "engine/checkpoint/files", "engine/kv_cache/block_id.h", "engine/model", "engine/quantize", "server/host",
        "server/model",
    },
    "server/bench": {  # puna bench, in process and over HTTP
        "config", "engine", "engine/base", "engine/demo", "engine/grammar", "engine/model", "engine/quantize",
        "engine/request", "engine/tokenizer", "server/convert", "server/host", "server/http", "server/model",
    },
    "server/commands": {  # serve, plan, healthcheck and the help texts
        "config", "engine/kv_cache/block_id.h", "server/endpoints", "server/host", "server/http", "server/model",
        "server/operate",
    },
    "server": {"api/fields", "config", "server/bench", "server/commands", "server/convert", "server/host"},  # main
}

# Start of an outside header's name -> the rooms that may see it. Tests may see everything.
FENCED = {
    "httplib": {"server/http", "server/bench", "server/commands"},
    "openssl/": {"server/http"},
    "spdlog/": {"server/host"},
    "prometheus/": {"server/operate"},
    "CLI/": {"server/bench", "server/convert"},
    "oneapi/": {"engine/layers"},
    "dnnl": {"engine/layers"},
    "nlohmann/": {
        "config", "api/json", "api/template", "api/fields", "api/tool_calls", "api/endpoints", "engine/tokenizer",
        "engine/grammar/schema", "engine/checkpoint/files", "engine/checkpoint/config", "engine/checkpoint/packed",
        "server/host", "server/http", "server/model", "server/generate", "server/endpoints", "server/operate",
        "server/convert", "server/bench",
    },
    "doctest/": set(),
}

TOP_FOLDERS = {".ci", "api", "config", "docker", "engine", "server", "tests"}
MAX_LINES = 400
LIMITED = (".cc", ".h", ".py", ".mjs")  # generated tables are .inc, and have no limit
NOT_OURS = {".git", ".cache", "build", "node_modules", "__pycache__"}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def list_files(root):
    """The tree's files, relative to root: what git tracks or would track; where there is no git, all that lies there."""
    if os.path.exists(os.path.join(root, ".git")):
        command = ["git", "-C", root, "-c", "safe.directory=*", "ls-files", "-z",
                   "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return sorted(f for f in set(listed.split("\0")) if f and os.path.isfile(os.path.join(root, f)))
    files = []
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = [s for s in subfolders if s not in NOT_OURS]
        files += [os.path.relpath(os.path.join(folder, name), root) for name in names]
    return sorted(files)


def room_of(path):
    """The room that a project path lies in: the folder itself, if it is one; None for anything outside the rooms."""
    folder = os.path.dirname(path)
    return folder if folder in ALLOWED else None


def check_include(path, quote, header, top):
    """What is wrong with this include in this file, or None."""
    room = room_of(path)
    if top == "tests" or room is None:
        return None
    for prefix, rooms in FENCED.items():
        if header.startswith(prefix) and room not in rooms:
            return f"{room}/ includes <{header}>, which only {', '.join(sorted(rooms)) or 'tests'} may see"
    if header.split("/")[0] in TOP_FOLDERS:
        target = room_of(header)
        if target is None:
            return f'"{header}" is in no room: a header lies in one of the folders that tests/layering.py lists'
        if target != room and not {target, header} & ALLOWED[room]:
            allowed = ", ".join(sorted(ALLOWED[room])) or "nothing of ours"
            return f"{room}/ includes {target}/ ({header}); it may include {allowed}"
    elif quote == '"':
        return f'"{header}": write project headers with their path from the root'
    return None


def check_file(root, path):
    """All findings in one file, as (line, message)."""
    top = path.split("/")[0]
    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
        lines = file.read().splitlines()
    findings = []
    if len(lines) > MAX_LINES and "/data/" not in path:
        findings.append((MAX_LINES + 1, f"{len(lines)} lines; at most {MAX_LINES}: is it one thing?"))
    if not path.endswith((".cc", ".h")):
        return findings
    if top != "tests" and room_of(path) is None:
        findings.append((1, f"{os.path.dirname(path) or 'the root'}/ is no room: name it in tests/layering.py"))
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        message = match and check_include(path, *match.groups(), top)
        if message:
            findings.append((number, message))
    return findings


def check_tree(root):
    """All findings in the tree, as lines of text."""
    files = list_files(root)
    folders = sorted({f.split("/")[0] for f in files if "/" in f} - TOP_FOLDERS)
    findings = [f"{folder}/: not a folder of this tree; a helper lives beside the thing it helps" for folder in folders]
    for path in files:
        if path.endswith(LIMITED):
            findings += [f"{path}:{line}: {message}" for line, message in check_file(root, path)]
    return findings


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: layering.py ROOT")
    findings = check_tree(sys.argv[1])
    print("\n".join(findings) if findings else "layering: every include and every file is in its place")
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
