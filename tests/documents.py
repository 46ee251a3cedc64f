"""The documents, as a test: every table of figures says which command makes it, where it was made and what it measures, and is no
older than the code allows; and prose keeps to the tree's width, as do the programs that no formatter breaks: Python, JavaScript
and CSS.

A table of figures stands between two comments, in the form that `make figures` (figures.py) understands:

    <!-- figures of NAME N: COMMAND -->           the command's output; make figures writes it
    <!-- figures by hand of NAME N: COMMAND -->   what was measured so, and put together by hand (several programs, another machine)
    (commit c0ffee, 2026-11-27, the processor, 2 cores)
    <!-- end -->

NAME is what is measured (several: "of gemm 2, model 1"). The measured code says in a comment which figures still describe it,
"Figures of NAME: N"; whoever changes it so that they no longer do raises N, and every table with a lower number is a finding
until it is measured again. No clock and no history decides: the same tree gives the same answer everywhere.

Usage: documents.py ROOT. Prints one line per finding, as file:line: what is wrong, and exits with 1 if there is any.
       documents.py --wrap FILE... breaks the paragraphs with lines that are too long again.
"""

import os
import re
import sys

from layering import list_files

WIDTH = 132
BEGIN = re.compile(r"^<!-- figures(?P<hand> by hand)?(?P<of> of [^:]*)?:\s*(?P<command>(?!-->)\S[^\n]*?)?\s*(?P<whole>-->)?$")
END = "<!-- end -->"
MEASURED = re.compile(r"(?:^ of |, )([a-z][-a-z0-9]*) (\d+)(?=,|$)")
PLACE = re.compile(r"^\(commit [0-9a-f]{7,}( with changes)?, \d{4}-\d\d-\d\d, \S.*\)$")  # where and when it was measured
ALLOWED = re.compile(r"^\s*(?://|#) Figures of ([a-z][-a-z0-9]*): (\d+)\b", re.MULTILINE)
CODE = (".h", ".cc", ".inc", ".py")
PROGRAMS = (".py", ".js", ".mjs", ".jsx", ".css")  # that no formatter breaks
# Sentences that the demo model is made of, one a line, in files for nothing else.
SENTENCES = re.compile(r"engine/demo/(family_[a-z]+|words|generate_text)\.py$")
FIGURE = re.compile(r"\d\.\d|\d %|^\d+ of \d+$|^\d+ ?(s|ms|GiB|MiB)$")
# A paragraph's first line may begin with these; what follows is indented as deep.
BULLET = re.compile(r"^(\s*)([-*] |\d+\. )?")


def cells(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def is_figures(table):
    """Whether these lines are a table with measured numbers: decimals, shares or units in a right-aligned column, or in half
    of another and more than one of its rows."""
    if len(table) < 3 or not re.fullmatch(r"[|:\- ]+", table[1]):
        return False
    rows = [cells(row) for row in table[2:]]
    for i, edge in enumerate(cells(table[1])):
        found = sum(bool(FIGURE.search(row[i])) for row in rows if i < len(row))
        if found and (re.fullmatch(r"-+:", edge) or (found > 1 and 2 * found >= len(rows))):
            return True
    return False


def blocks(lines):
    """The document's pieces, as (kind, first line, lines): code, table, comment, blank, heading or prose."""
    piece, kind, start = [], None, 0

    def flush(end):
        if piece:
            yield kind, end - len(piece), list(piece)
        piece.clear()

    fenced = commented = False
    for number, line in enumerate(lines):
        if fenced or line.lstrip().startswith("```"):
            now = "code"
            if line.lstrip().startswith("```"):
                fenced = not fenced
        elif commented or line.startswith("<"):
            now = "comment"
            commented = (commented or "<!--" in line) and "-->" not in line
        elif line.lstrip().startswith("|"):
            now = "table"
        elif not line.strip():
            now = "blank"
        elif line.startswith("#") or line.startswith("    ") and kind in (None, "blank", "code"):
            now = "heading"
        else:
            now = "prose"
        if now != kind or now in ("heading", "blank") or (now == "prose" and BULLET.match(line).group(2)):
            yield from flush(number)
        kind = now
        piece.append(line)
    yield from flush(len(lines))


def check_age(of, allowed):
    """What is wrong with what a table says that it measures. `allowed`: name -> the lowest number that the code allows."""
    measured = MEASURED.findall(of or "")
    if not measured or ", ".join(" ".join(pair) for pair in measured) != of.removeprefix(" of "):
        return ["figures that do not say what they measure: <!-- figures of NAME N: COMMAND -->"]
    unknown = [f"no code says 'Figures of {name}: N' in a comment" for name, _ in measured if name not in allowed]
    return unknown + [
        f"these figures of {name} are {number}, and the code has {allowed[name]}: measure again (make figures ARGS={name}), and "
        "raise the number of those that are made by hand" for name, number in measured
        if name in allowed and int(number) != allowed[name]]


def check_text(text, allowed):
    """All findings in one document, as (line, message)."""
    lines = text.split("\n")
    inside = None
    for kind, start, piece in blocks(lines):
        if kind == "comment":
            for number, line in enumerate(piece, start + 1):
                match = BEGIN.match(line)
                if match:
                    if inside:
                        yield inside, f"the figures that begin here have no {END}"
                    if match["whole"] and not match["command"]:
                        yield number, "figures without a command"
                    yield from ((number, message) for message in check_age(match["of"], allowed))
                    inside = number
                elif line == END:
                    if not inside:
                        yield number, "ends figures that have not begun"
                    inside = None
        if kind == "table" and inside and not any(PLACE.match(line) for line in lines[inside:start]):
            yield start + 1, "figures that do not say where they were measured: (commit NAME, DAY, PROCESSOR) before the table"
        if kind == "table" and is_figures(piece) and not inside:
            yield start + 1, ("a table of figures without a command: <!-- figures of NAME N: COMMAND --> before it, "
                              "<!-- end --> behind it")
        if kind == "prose":
            for number, line in enumerate(piece, start + 1):
                if len(line) > WIDTH and " " in line.strip() and not is_one_word(line):
                    yield number, f"{len(line)} characters; at most {WIDTH} (tests/documents.py --wrap breaks the paragraph again)"
    if inside:
        yield inside, f"the figures that begin here have no {END}"


def check_width(path, text):
    """The lines of a program that are too long, as (line, message)."""
    if path.endswith(PROGRAMS) and not SENTENCES.match(path):
        for number, line in enumerate(text.split("\n"), 1):
            if len(line) > WIDTH and not is_one_word(line):
                yield number, f"{len(line)} characters; at most {WIDTH}"


def is_one_word(line):
    """Whether no line of the width could hold its longest word: an address."""
    return any(len(word) > WIDTH - 8 for word in line.split())


def wrap_paragraph(piece):
    """The paragraph in lines of the width: text alone, never a line that would begin a list or a heading."""
    bullet = BULLET.match(piece[0])
    head, indent = bullet.group(0), " " * len(bullet.group(0))
    words = " ".join([piece[0][len(head):]] + [line.strip() for line in piece[1:]]).split()
    lines, line = [], head
    for word in words:
        more = word if line == head or line == indent else " " + word
        if len(line + more) > WIDTH and line not in (head, indent) and not re.fullmatch(r"[-*+#>]+|\d+\.", word):
            lines.append(line)
            line, more = indent, word
        line += more
    return lines + [line]


def wrap_text(text):
    lines = []
    for kind, _, piece in blocks(text.split("\n")):
        hard = any(line.endswith("  ") or line.endswith("\\") for line in piece)
        too_long = any(len(line) > WIDTH and not is_one_word(line) for line in piece)
        lines += wrap_paragraph(piece) if kind == "prose" and too_long and not hard else piece
    return "\n".join(lines)


def list_documents(root):
    return [path for path in list_files(root) if path.endswith(".md")]


def allowed_figures(files):
    """What the code says of its figures, as name -> number, and the findings. `files`: pairs of path and text."""
    allowed, places, findings = {}, {}, []
    for path, text in files:
        for match in ALLOWED.finditer(text):
            place = f"{path}:{text.count(chr(10), 0, match.start(1)) + 1}"
            if match[1] in allowed:
                findings.append(f"{place}: 'Figures of {match[1]}' stand at {places[match[1]]}, too; one place says it")
            allowed[match[1]], places[match[1]] = int(match[2]), place
    return allowed, places, findings


def check_all(documents, code):
    """All findings. Both are pairs of path and text."""
    allowed, places, findings = allowed_figures(code)
    named = set()
    for path, text in documents:
        findings += [f"{path}:{line}: {message}" for line, message in check_text(text, allowed)]
        begins = filter(None, map(BEGIN.match, text.split("\n")))
        named |= {name for begin in begins for name, _ in MEASURED.findall(begin["of"] or "")}
    return findings + [f"{places[name]}: no document has figures of {name}" for name in sorted(set(allowed) - named)]


def code_of(root):
    return [(path, read(os.path.join(root, path))) for path in list_files(root)
            if path.endswith(CODE) and not path.startswith("tests/documents")]


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def main():
    if sys.argv[1:2] == ["--wrap"]:
        for path in sys.argv[2:]:
            text = wrap_text(read(path))
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        return 0
    root = sys.argv[1] if len(sys.argv) > 1 else "."
    documents = list_documents(root)
    findings = check_all([(path, read(os.path.join(root, path))) for path in documents], code_of(root))
    programs = [path for path in list_files(root) if path.endswith(PROGRAMS)]
    findings += [f"{path}:{line}: {message}" for path in programs
                 for line, message in check_width(path, read(os.path.join(root, path)))]
    print("\n".join(findings) if findings else f"documents: {len(documents)}, each figure with its command and of its code's age")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
