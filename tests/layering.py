"""The structure of the tree, as a test: includes run one way, outside headers stay fenced, files stay short.

Usage: layering.py ROOT. Prints one line per finding, as file:line: what is wrong, and exits with 1 if there is any.
"""

import os
import re
import subprocess
import sys

# Room -> the rooms, or single headers, of ours that it may include besides itself. Lowest floor first; nothing includes
# upwards.
ALLOWED = {
    "config": set(),
    "api": {"api/template"},
    "api/template": set(),
    "engine/base": set(),
    "engine/kernels": {"engine/base"},
    "engine/request": {"engine/base"},
    "engine/kv_cache": {"engine/base"},
    "engine/tokenizer": {"engine/base"},
    "engine/checkpoint": {"engine/base", "engine/kernels"},
    "engine/grammar": {"engine/base", "engine/request", "engine/tokenizer"},
    "engine/layers": {"engine/base", "engine/kernels", "engine/checkpoint"},
    "engine/sampling": {"engine/base", "engine/kernels", "engine/request"},
    "engine/model": {"engine/base", "engine/kernels", "engine/checkpoint", "engine/kv_cache", "engine/layers"},
    "engine/quantize": {
        "engine/base", "engine/kernels", "engine/checkpoint", "engine/kv_cache", "engine/layers", "engine/model",
    },
    "engine/scheduler": {"engine/base", "engine/kv_cache", "engine/request"},  # never the model, never tensors
    "engine/demo": {"engine/base"},
    "engine": {
        "config", "engine/base", "engine/kv_cache", "engine/model", "engine/request", "engine/sampling",
        "engine/scheduler",
    },
    "server": {
        "config", "api", "api/template", "engine", "engine/base", "engine/checkpoint", "engine/demo",
        "engine/grammar", "engine/model", "engine/quantize", "engine/request", "engine/tokenizer",
        "engine/kv_cache/block_id.h",  # the unit in which the operator's memory is given out
    },
}

# Start of an outside header's name -> the rooms that may see it. Tests may see everything.
FENCED = {
    "httplib": {"server"},
    "openssl/": {"server"},
    "spdlog/": {"server"},
    "CLI/": {"config", "server"},
    "oneapi/": {"engine/layers"},
    "dnnl": {"engine/layers"},
    "nlohmann/": {"config", "api", "api/template", "server", "engine/checkpoint", "engine/tokenizer", "engine/grammar"},
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
