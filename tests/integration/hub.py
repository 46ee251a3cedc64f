"""A hub of the tests' own on loopback: Hugging Face's protocol and a registry's on one port, the files behind redirects on another,
each with the faults that a test switches on. Every request is kept, with its headers."""

import hashlib
import http.server
import json
import os
import random
import re
import threading
import time
import urllib.parse

from puna import HANG_SECONDS, SOURCE, TemporaryFolder, run

COMMIT = "c0ffee" + "0" * 34
MIB = 1 << 20
REPO = "org/Tiny-GGUF"
DEMO = os.path.join(SOURCE, "engine", "demo", "model")


def git_sha1(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Faults:
    """What goes wrong; all off."""

    def __init__(self):
        self.cut = []            # lengths after which bodies of large files break off, one for each request
        self.ignore_ranges = False
        self.status = []         # statuses of the next answers for large files, instead of them
        self.api_status = []     # the same for the hub's descriptions
        self.retry_after = None
        self.flip = 0            # how many of the next bodies have a wrong byte
        self.wrong_length = 0    # added to what the list says of a size
        self.wrong_total = 0     # added to the total in Content-Range
        self.pause = 0.0         # seconds between pieces
        self.piece = 1 << 16
        self.silence = 0         # how many of the next bodies stop without ending
        self.token = None        # the one that is asked for
        self.gated = False       # and whether files need a licence
        self.gzip = False        # small files come packed although nobody asked
        self.weak_etag = False
        self.page = 1000         # files on a page of the tree
        self.extra_tree = []     # entries that are no files of ours
        self.no_redirect = False
        self.relative_redirect = False


class Hub:
    """`repos`: files by name for each ORG/NAME. `registry`: manifests by (repository, tag), blobs by digest."""

    def __init__(self, repos=None, registry=None, blobs=None):
        self.repos, self.registry, self.blobs = repos or {}, registry or {}, blobs or {}
        self.faults, self.commit = Faults(), COMMIT
        self.requests, self.sent, self.lock = [], 0, threading.Lock()  # sent: bytes of files
        self.servers = [self._serve(HubHandler), self._serve(StoreHandler)]
        self.port, self.store_port = (server.server_address[1] for server in self.servers)
        self.url = f"http://127.0.0.1:{self.port}"

    def _serve(self, handler):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.hub, server.daemon_threads = self, True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return server

    def close(self):
        for server in self.servers:
            server.shutdown()
            server.server_close()

    def note(self, entry):
        with self.lock:
            self.requests.append(entry)

    def next(self, values):
        """Takes the first of a list of faults; None: there is none left."""
        with self.lock:
            return values.pop(0) if values else None

    def count_down(self, name):
        with self.lock:
            left = getattr(self.faults, name)
            setattr(self.faults, name, max(0, left - 1))
            return left > 0

    def count_sent(self, bytes_sent):
        with self.lock:
            self.sent += bytes_sent

    def bodies(self):
        """The requests for files behind redirects."""
        with self.lock:
            return [r for r in self.requests if r["where"] == "store"]

    def forget(self):
        with self.lock:
            self.requests.clear()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    where = ""

    @property
    def hub(self):
        return self.server.hub

    def log_message(self, *_):
        pass

    def handle(self):
        try:
            super().handle()
        except (ConnectionResetError, BrokenPipeError):
            pass

    def note(self):
        self.hub.note({"where": self.where, "path": self.path, "range": self.headers.get("Range"),
                       "authorization": self.headers.get("Authorization"), "agent": self.headers.get("User-Agent")})

    def answer(self, status, body=b"", headers=None):
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def refuse(self, status, code="", message=""):
        headers = {"X-Error-Code": code, "X-Error-Message": message}
        if self.hub.faults.retry_after is not None:
            headers["Retry-After"] = str(self.hub.faults.retry_after)
        self.answer(status, {"error": message}, headers)

    def send_file(self, data):
        """With ranges, and with the faults that are on."""
        faults = self.hub.faults
        status = self.hub.next(faults.status)
        if status:
            self.refuse(status)
            return
        begin, end, total = 0, len(data), len(data)
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        ranged = match and not faults.ignore_ranges
        if ranged:
            begin, end = int(match.group(1)), int(match.group(2) or total - 1) + 1
        self.send_response(206 if ranged else 200)
        if ranged:
            self.send_header("Content-Range", f"bytes {begin}-{end - 1}/{total + faults.wrong_total}")
        self.send_header("Content-Length", str(end - begin))
        self.end_headers()
        part = bytearray(data[begin:end])
        if self.hub.count_down("flip") and part:
            part[len(part) // 2] ^= 1
        self.send_slowly(bytes(part), self.hub.next(faults.cut), self.hub.count_down("silence"))

    def send_slowly(self, part, cut, silent):
        faults = self.hub.faults
        limit = len(part) if cut is None and not silent else min(len(part), cut or len(part) // 2)
        for at in range(0, limit, faults.piece):
            self.wfile.write(part[at:min(limit, at + faults.piece)])
            self.hub.count_sent(min(limit, at + faults.piece) - at)
            if faults.pause:
                time.sleep(faults.pause)
        if silent:
            self.wfile.flush()
            self.connection.settimeout(HANG_SECONDS)
            try:
                self.connection.recv(1)  # nothing until the client leaves
            except OSError:
                pass
        if limit < len(part):
            self.close_connection = True
            self.connection.close()


class HubHandler(Handler):
    where = "hub"

    def do_GET(self):
        self.note()
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        if path.startswith("/v2/"):
            self.registry(path[4:])
        elif path.startswith("/token"):
            self.answer(200, {"token": "registry-token"})
        elif path.startswith("/api/models/"):
            self.describe(path[len("/api/models/"):])
        elif path.startswith("/api/resolve-cache/"):
            self.answer(200, self.small(urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)["of"][0]))
        else:
            self.resolve(path[1:])

    def small(self, of):
        repo, name = of.split("|")
        return self.hub.repos[repo][name]

    def describe(self, rest):
        faults = self.hub.faults
        status = self.hub.next(faults.api_status)
        if status:
            self.refuse(status)
            return
        if faults.token and self.headers.get("Authorization") != f"Bearer {faults.token}" and not faults.gated:
            self.refuse(401, "RepoNotFound", "Repository not found")
            return
        repo = "/".join(rest.split("/")[:2])
        action, _, argument = "/".join(rest.split("/")[2:]).partition("/")
        if repo not in self.hub.repos:
            self.refuse(401 if not self.headers.get("Authorization") else 404, "RepoNotFound", "Repository not found")
        elif action == "revision" and argument not in ("main", "refs/pr/1", self.hub.commit):
            self.refuse(404, "RevisionNotFound", "Invalid rev id")
        elif action == "revision":
            self.answer(200, {"id": repo, "sha": self.hub.commit, "gated": "manual" if faults.gated else False,
                              "siblings": [{"rfilename": name} for name in self.hub.repos[repo]]})
        else:
            self.tree(repo, argument)

    def tree(self, repo, commit):
        assert commit == self.hub.commit, commit
        faults, entries = self.hub.faults, []
        for name, data in self.hub.repos[repo].items():
            entry = {"type": "file", "path": name, "size": len(data) + faults.wrong_length, "oid": git_sha1(data)}
            if len(data) > 10000:
                entry["lfs"] = {"oid": sha256(data), "size": len(data) + faults.wrong_length, "pointerSize": 134}
            entries.append(entry)
        entries += [{"type": "directory", "path": "sub", "size": 0, "oid": "0" * 40}, *faults.extra_tree]
        first = int(urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query).get("cursor", ["0"])[0])
        headers = {}
        if first + faults.page < len(entries):
            path = self.path.split("?")[0]
            headers["Link"] = f'<{self.hub.url}{path}?recursive=true&cursor={first + faults.page}>; rel="next"'
        self.answer(200, entries[first:first + faults.page], headers)

    def resolve(self, path):
        org, name, _, commit, *rest = path.split("/")
        repo, file, faults = f"{org}/{name}", "/".join(rest), self.hub.faults
        assert commit == self.hub.commit, commit
        if faults.gated and (not faults.token or self.headers.get("Authorization") != f"Bearer {faults.token}"):
            self.refuse(401 if not self.headers.get("Authorization") else 403, "GatedRepo", "Access is restricted")
            return
        data = self.hub.repos[repo].get(file)
        if data is None:
            self.refuse(404, "EntryNotFound", "Entry not found")
        elif len(data) > 10000 and not faults.no_redirect:
            query = urllib.parse.urlencode({"of": f"{repo}|{file}", "Expires": 1, "Signature": "x~y="})
            self.answer(302, b"", {"Location": f"http://127.0.0.1:{self.hub.store_port}/signed?{query}",
                                   "X-Linked-Etag": f'"{sha256(data)}"', "X-Linked-Size": str(len(data))})
        elif len(data) > 10000:
            self.send_file(data)
        elif faults.relative_redirect:
            query = urllib.parse.urlencode({"of": f"{repo}|{file}", "etag": "a+b"})
            self.answer(307, b"", {"Location": f"/api/resolve-cache/models/{repo}/{commit}/{file}?{query}"})
        else:
            self.send_small(data)

    def send_small(self, data):
        headers = {"ETag": ('W/"%s"' if self.hub.faults.weak_etag else '"%s"') % git_sha1(data)}
        if self.hub.faults.gzip:
            import gzip
            data = gzip.compress(data)
            headers["Content-Encoding"] = "gzip"
        self.answer(200, data, headers)

    def registry(self, rest):
        if self.hub.faults.token and self.headers.get("Authorization") != "Bearer registry-token":
            challenge = f'Bearer realm="{self.hub.url}/token",service="hub",scope="repository:x:pull"'
            self.answer(401, {"errors": [{"code": "UNAUTHORIZED", "message": "sign in"}]}, {"WWW-Authenticate": challenge})
            return
        repo, kind, reference = re.fullmatch(r"(.+)/(manifests|blobs)/([^/]+)", rest).groups()
        if kind == "manifests" and (repo, reference) in self.hub.registry:
            self.answer(200, self.hub.registry[(repo, reference)])
        elif kind == "blobs" and reference in self.hub.blobs:
            self.answer(307, b"", {"Location": f"http://127.0.0.1:{self.hub.store_port}/blob/{reference}"})
        else:
            self.answer(404, {"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]})


class StoreHandler(Handler):
    where = "store"

    def do_GET(self):
        self.note()
        if self.path.startswith("/blob/"):
            self.send_file(self.hub.blobs[self.path[len("/blob/"):]])
            return
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        repo, file = query["of"][0].split("|")
        assert query["Signature"] == ["x~y="], query
        self.send_file(self.hub.repos[repo][file])


def content(size, seed=1):
    return random.Random(seed).randbytes(size)


def demo_files():
    files = {}
    for name in os.listdir(DEMO):
        with open(os.path.join(DEMO, name), "rb") as file:
            files[name] = file.read()
    return files


class HubTest(TemporaryFolder):
    def setUp(self):
        super().setUp()
        self.small = content(3 * MIB + 77)
        self.large = content(40 * MIB + 1234, 2)
        self.hub = Hub({REPO: {"README.md": b"# Tiny\n", "tiny-Q4_K_M.gguf": self.small, "tiny-Q8_0.gguf": self.large}})
        self.addCleanup(self.hub.close)

    def environment(self, **more):
        kept = {name: "" for name in os.environ if name.startswith(("HF_", "HUGGING", "LLAMA_", "OLLAMA_", "TRANSFORMERS_"))
                or name.lower().endswith("_proxy")}
        return {**kept, "HOME": self.folder, "XDG_CACHE_HOME": "", "HF_ENDPOINT": self.hub.url,
                "HF_HUB_DOWNLOAD_TIMEOUT": "2", "no_proxy": "127.0.0.1", **more}

    def puna(self, *arguments, **environment):
        return run(*arguments, env=self.environment(**environment))

    def pull(self, name=f"hf:{REPO}:Q4_K_M", *arguments, **environment):
        return self.puna("pull", name, *arguments, **environment)

    def pulled(self, *arguments, **environment):
        done = self.pull(*arguments, **environment)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def refused(self, part, *arguments, **environment):
        done = self.pull(*arguments, **environment)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn(part, done.stderr)
        return done

    def cache(self, *parts, repo=REPO):
        return os.path.join(self.folder, ".cache", "huggingface", "hub", "models--" + repo.replace("/", "--"), *parts)

    def blobs(self):
        return sorted(os.listdir(self.cache("blobs"))) if os.path.isdir(self.cache("blobs")) else []

    def read(self, name, repo=REPO):
        with open(self.cache("snapshots", self.hub.commit, name, repo=repo), "rb") as file:
            return file.read()

    def assert_whole(self, name, data):
        self.assertEqual(sha256(self.read(name)), sha256(data))
        self.assertEqual([name for name in self.blobs() if name.endswith("part")], [])
