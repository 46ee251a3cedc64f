"""Packages of npm for the tests that are written for Node: installed as a lock file pins them, once, and kept between runs."""

import filecmp
import os
import shutil
import subprocess
import tempfile

OLDEST = 20


def install(source, files, folder=None):
    """Copies `files` of the folder `source` (package.json and package-lock.json among them) beside their packages. Gives that
    folder, or None and why there is none."""
    if not shutil.which("node") or not shutil.which("npm"):
        return None, "skipped: there is no Node.js (apt install nodejs npm)"
    major = int(subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout[1:].split(".")[0])
    if major < OLDEST:
        return None, f"skipped: Node.js {major} is too old, {OLDEST} is needed"
    folder = folder or tempfile.mkdtemp(prefix="puna-node-")
    os.makedirs(folder, exist_ok=True)
    lock = os.path.join(folder, "package-lock.json")
    current = os.path.exists(lock) and filecmp.cmp(lock, os.path.join(source, "package-lock.json"), shallow=False)
    for name in files:
        shutil.copy(os.path.join(source, name), folder)
    if current and os.path.isdir(os.path.join(folder, "node_modules")):
        return folder, None
    result = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, capture_output=True,
                            text=True, check=False)
    if result.returncode != 0:
        os.remove(lock)
        return None, "skipped: npm cannot install the packages: " + result.stderr.strip()[-300:]
    return folder, None
