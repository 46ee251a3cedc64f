"""make figures: runs the commands that documents name for their tables of figures, and writes what they print between the markers
(documents.py says which), under a line with the commit, the day and the processor.

Usage: figures.py ROOT [WORD...]: those whose command, or name of what it measures, contains one of the words; without one, all. A
command runs in the root, with the built puna first in PATH. A command that fails leaves its table as it is, and the exit status is
1.
"""

import datetime
import os
import re
import subprocess
import sys

from documents import END, MEASURED, allowed_figures, code_of, list_documents, read

BLOCK = re.compile(r"^<!-- figures(?P<of> of [^:\n]*)?:(?P<command>.*?)-->\n(?P<old>.*?)^" + re.escape(END) + "$",
                   re.MULTILINE | re.DOTALL)


def processor():
    """The processor's name, and how many cores may be used."""
    names = re.findall(r"^model name\s*:\s*(.*)$", read("/proc/cpuinfo"), re.MULTILINE)
    return f"{names[0] if names else os.uname().machine}, {len(os.sched_getaffinity(0))} cores"


def commit(root):
    if not os.path.exists(os.path.join(root, ".git")):
        sys.exit("make figures: figures name the commit that they were measured at, and this is no clone of the repository")
    git = ["git", "-C", root, "-c", "safe.directory=*"]
    name = subprocess.run([*git, "rev-parse", "--short=10", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    changed = subprocess.run([*git, "status", "--porcelain", "--untracked-files=no", "--", "*.cc", "*.h", "*.inc", "*CMake*"],
                             check=True, capture_output=True, text=True).stdout
    return name + (" with changes" if changed else "")


def block_of(output, where):
    """What stands between the markers: Markdown as it is, anything else as it was printed."""
    output = output.strip("\n")
    if not re.search(r"^\|", output, re.MULTILINE):
        output = "```\n" + output + "\n```"
    output = re.sub(r"^([^|\n].*)\n(?=\|)", r"\1\n\n", output, flags=re.MULTILINE)  # a table is a paragraph of its own
    return f"({where})\n\n{output}\n"


def rewrite(text, words, run, where, allowed):
    """The text with fresh figures, and the commands that failed. `allowed`: name -> the number of the code as it is."""
    failed = []

    def fresh(match):
        command = match["command"].strip()
        if words and not any(word in (match["of"] or "") + command for word in words):
            return match[0]
        output = run(command)
        if output is None:
            failed.append(command)
            return match[0]
        of = ", ".join(f"{name} {allowed.get(name, number)}" for name, number in MEASURED.findall(match["of"] or ""))
        return f"<!-- figures{' of ' + of if of else ''}:{match['command']}-->\n{block_of(output, where)}{END}"

    return BLOCK.sub(fresh, text), failed


def main():
    root = os.path.abspath(sys.argv[1])
    environment = dict(os.environ, PATH=os.path.join(root, "build", "release") + os.pathsep + os.environ["PATH"])

    def run(command):
        print(f"-- {command}", flush=True)
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", command], cwd=root, env=environment, text=True,
                              stdout=subprocess.PIPE)
        return done.stdout if done.returncode == 0 else None

    where = f"commit {commit(root)}, {datetime.date.today().isoformat()}, {processor()}"
    allowed = allowed_figures(code_of(root))[0]
    failures = []
    for path in list_documents(root):
        old = read(os.path.join(root, path))
        new, failed = rewrite(old, sys.argv[2:], run, where, allowed)
        failures += [f"{path}: {command}" for command in failed]
        if new != old:
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(new)
            print(f"{path}: written")
    for failure in failures:
        print(f"failed, and its table is as it was: {failure}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
