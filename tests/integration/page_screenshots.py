"""Pictures of the page for the documents, from the real binary and a real browser: page_screenshots.py FOLDER."""

import os
import subprocess
import sys

from puna import BINARY, clean_environment
from test_page import prepare


def main():
    prepared, reason = prepare()
    if reason:
        sys.exit(reason)
    folder, browser = prepared
    out = os.path.abspath(sys.argv[1])
    os.makedirs(out, exist_ok=True)
    environment = clean_environment({"PUNA_BINARY": os.path.abspath(BINARY), "CHROMIUM": browser})
    subprocess.run(["node", "screenshots.mjs", out], cwd=folder, env=environment, check=True)


if __name__ == "__main__":
    main()
