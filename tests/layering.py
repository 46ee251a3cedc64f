"""The structure of the tree, as a test: includes run one way and through the rooms' doors, no name comes round them by
another room's header, nothing is defined twice, outside headers stay fenced, files stay short. The tables: rooms.py.

Usage: layering.py ROOT. Prints one line per finding, as file:line: what is wrong, and exits with 1 if there is any.
"""

import os
import re
import subprocess
import sys

import declarations as cpp
from rooms import ALLOWED, DOORS, FENCED, FORBIDDEN, ONE_HOME

TOP_FOLDERS = {".ci", "api", "config", "docker", "engine", "server", "tests"}
MAX_LINES = 400
WIDTH = 132
ROOMS_PAGE = "ARCHITECTURE.md"
LIMITED = (".cc", ".h", ".py", ".mjs")  # generated tables are .inc, and have no limit
NOT_OURS = {".git", ".cache", "build", "node_modules", "__pycache__"}
# A file of ours in a comment or a document: with its path, or by its name alone.
MENTION = re.compile(r"(?<![-\w./*<])((?:(?:api|config|engine|server|tests|docker)/[\w/]*)?\w\w+\.(?:cc|h|inc))\b")
PROCESSOR = re.compile(r"_(x86|arm64)\.(?=cc$)")
RAW_STRING = re.compile(r'R"\w*\(|\)\w*"')  # cannot be broken
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
            return f'"{header}" is in no room: a header lies in one of the folders that tests/rooms.py lists'
        if target != room and not {target, header} & ALLOWED[room]:
            allowed = ", ".join(sorted(ALLOWED[room])) or "nothing of ours"
            return f"{room}/ includes {target}/ ({header}); it may include {allowed}"
        if target != room and target in DOORS and os.path.basename(header) not in DOORS[target]:
            return f"{header} is inside its room, whose doors are {', '.join(sorted(DOORS[target]))} (tests/rooms.py)"
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
        findings.append((1, f"{os.path.dirname(path) or 'the root'}/ is no room: name it in tests/rooms.py"))
    for number, line in enumerate(lines, 1):
        if len(line) > WIDTH and not RAW_STRING.search(line):
            findings.append((number, f"{len(line)} characters; at most {WIDTH} (clang-format leaves comments as they are)"))
        match = INCLUDE.match(line)
        message = match and check_include(path, *match.groups(), top)
        if message:
            findings.append((number, message))
    return findings


class Sources:
    """All C++ files and documents, read once: their text, and what the C++ ones declare."""

    def __init__(self, root, files):
        self.text, self.code, self.declared = {}, {}, {}
        for path in files:
            if path.endswith((".cc", ".h", ".inc", ".md")):
                with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
                    text = self.text[path] = file.read()
            if path.endswith((".cc", ".h", ".inc")):
                self.code[path] = cpp.without_comments(text)
                self.declared[path] = cpp.declarations(text)


def check_definitions(sources):
    """Names defined in two files under one namespace: the linker would take either, or both would be edited in turn. A
    definition for each processor (name_x86.cc, name_arm64.cc) is one: CMake takes the file of the one that is built for."""
    homes = {}
    for path, declared in sources.declared.items():
        for d in declared:
            if d.defined:
                key = (d.namespace, d.name) if d.kind != "function" else (d.namespace, d.name, d.signature)
                homes.setdefault(key, []).append((path, d))
    for key, found in homes.items():
        aliases = {d.signature for _, d in found}
        if len({PROCESSOR.sub(".", path) for path, _ in found}) > 1 and (len(aliases) > 1 or aliases == {None} or len(key) == 3):
            places = ", ".join(f"{path}:{d.line}" for path, d in found[:-1])
            yield f"{found[-1][0]}:{found[-1][1].line}: {key[0]}::{key[1]} is defined in {places} as well"
    for name, home in ONE_HOME.items():
        pattern = re.compile(rf"^(?:[\w:<>,&*\[\]]+\s+)+[*&]?({name})\(.*\{{", re.MULTILINE)
        for path, code in sources.code.items():
            for match in pattern.finditer(code) if os.path.splitext(path)[0] != os.path.splitext(home)[0] else ():
                yield f"{path}:{code.count(chr(10), 0, match.start()) + 1}: {match.group(1)} has its home in {home}"


def check_reexports(sources):
    """Headers of ours that hold nothing but includes of ours."""
    for path, code in sources.code.items():
        lines = [line for line in code.split("\n") if line.strip() and not line.startswith("#pragma")]
        if path.endswith(".h") and lines and all(re.match(r'#include "\w+/', line) for line in lines):
            yield f"{path}:1: hands on another header and adds nothing; include that one, if the room may"


def check_names(sources):
    """Names that a room uses and may not see: their header came along with another room's."""
    headers, own, methods = {}, {}, set()
    for path, code in sources.code.items():
        room = room_of(path)
        methods |= cpp.methods(code)
        own.setdefault(room, set()).update(cpp.inner_names(code), (d.name for d in sources.declared[path]))
        for d in sources.declared[path] if room and path.endswith(".h") else ():
            if d.defined or d.kind == "function":
                headers.setdefault((d.namespace.split("::")[-1], d.name), set()).add(path)
    for path, code in sources.code.items():
        room = room_of(path)
        inside = {"api/template": "jinja", "engine/text": "text"}.get(room, path.split("/")[0])
        seen = set()
        for line, qualifier, word, called in cpp.words(code) if room else ():
            found = headers.get((qualifier.split("::")[-1] or inside, word))
            if not found or word in seen or (not qualifier and (word in own[room] or (called and word in methods))):
                continue
            if not any(room_of(h) == room or {h, room_of(h)} & ALLOWED[room] for h in found):
                seen.add(word)
                yield f"{path}:{line}: {room}/ uses {word} of {min(found)}, which it may not include"


def check_mentions(sources, files):
    """Files of ours that comments and documents name, and that are not there any more."""
    ends = {path[start:] for path in files for start in (0, *(i + 1 for i, c in enumerate(path) if c == "/"))}
    for path, text in sources.text.items():
        for number, line in enumerate(text.split("\n"), 1):
            said = line if path.endswith(".md") else line.partition("// ")[2]
            for name in MENTION.findall(said):
                if name not in ends:
                    yield f"{path}:{number}: names {name}, which is not there"


def check_forbidden(sources):
    for word, (files, why) in FORBIDDEN.items():
        for path, code in sources.code.items():
            for match in re.finditer(rf"\b{word}\b", code) if room_of(path) and path not in files else ():
                yield f"{path}:{code.count(chr(10), 0, match.start()) + 1}: {word}: {why}"


def check_rooms_page(root, files):
    """The page that names all rooms: each has one row, and no other folder has."""
    if ROOMS_PAGE not in files:
        return
    with open(os.path.join(root, ROOMS_PAGE), encoding="utf-8") as file:
        rows = re.findall(r"(?m)^\| `([\w/]+)/` \|", file.read())
    for room in ALLOWED:
        if rows.count(room) != 1:
            yield f"{ROOMS_PAGE}: {room}/ is a room (tests/rooms.py) and has {rows.count(room)} rows in its table"
    for folder in set(rows) - set(ALLOWED):
        yield f"{ROOMS_PAGE}: {folder}/ is no room (tests/rooms.py)"


def check_tree(root):
    """All findings in the tree, as lines of text."""
    files = list_files(root)
    folders = sorted({f.split("/")[0] for f in files if "/" in f} - TOP_FOLDERS)
    findings = [f"{folder}/: not a folder of this tree; a helper lives beside the thing it helps" for folder in folders]
    for path in files:
        if path.endswith(LIMITED):
            findings += [f"{path}:{line}: {message}" for line, message in check_file(root, path)]
    sources = Sources(root, files)
    for check in (check_definitions, check_reexports, check_names, check_forbidden):
        findings += check(sources)
    findings += check_rooms_page(root, files)
    return findings + list(check_mentions(sources, files))


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: layering.py ROOT")
    findings = check_tree(sys.argv[1])
    print("\n".join(findings) if findings else "layering: every include and every file is in its place")
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
