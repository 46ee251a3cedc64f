"""What C++ files declare and use at namespace scope, for layering.py. It reads text, not C++, and relies on the tree's
format: what stands in a namespace begins in column 0, what lies inside something else is indented."""

import collections
import re

# namespace: as puna::engine. kind: type, function or variable. signature: a function's parameter types or what an alias
# stands for, since overloads and equal aliases are no second definition. defined: more than announced.
Declaration = collections.namedtuple("Declaration", "namespace kind name signature line defined")

_NAMESPACE = re.compile(r"^(?:inline )?namespace ?([\w:]*) ?\{(.*)$")
_SKIPPED = re.compile(r"^(?:[#/} )]|using namespace\b|static_assert\b|extern template\b|public:|private:|protected:|$)")
_TYPE_WORD = re.compile(r"^(?:enum class|enum|class|struct|union|concept)\b")
_TYPE = re.compile(r"^[\w ]*?(?:alignas\([^)]*\) )?(\w+(?:<[^{;]*?>)?) ?(?:final ?)?(?::(?!:)|[{;=])")
_ALIAS = re.compile(r"^using (\w+) ?=(.*)")
_FUNCTION = re.compile(r"(?:^|[\s*&])((?:\w+(?:<[^()]*>)?::)*(?:operator\(\)|operator ?[^\s(\w]+|~?\w+)) ?\(")
_VARIABLE = re.compile(r"[\s*&](\w+) ?(?:\[[^\]]*\] ?)*(?:=|\{|;)")
_NOT_CODE = re.compile(
    r'#include "[^"]*"|//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<!\w)\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)


def without_comments(text):
    """Comments gone and strings empty, every line still where it was; includes stay."""
    def blank(match):
        found = match.group(0)
        if found.startswith("#"):
            return found
        return ("" if found.startswith("/") else '""') + "\n" * found.count("\n")
    return _NOT_CODE.sub(blank, text)


def _split(text, separator):
    """At each separator outside all brackets."""
    parts, depth, start = [], 0, 0
    for i, c in enumerate(text):
        depth += (c in "(<[{") - (c in ")>]}")
        if c == separator and depth == 0:
            parts.append(text[start:i])
            start = i + 1
    return parts + [text[start:]]


def _matching(text, start, opening, closing):
    """The place of what closes the bracket at `start`."""
    depth = 0
    for i in range(start, len(text)):
        depth += (text[i] == opening) - (text[i] == closing)
        if depth == 0:
            return i
    return len(text) - 1


def _parameter_type(text):
    """`const std::string& name = "x"` to `conststd::string&`; a type without a name stays as it is."""
    text = " ".join(_split(text, "=")[0].split())
    named = re.match(r"^(.*[\w>*&\]][ *&]+)\w+((?:\[\w*\])*)$", text)
    if named and named.group(1).strip() not in ("const", "unsigned", "struct"):
        text = named.group(1) + named.group(2)
    if not re.search(r"[*&\]]", text):  # by value: const is the function's own affair
        text = re.sub(r"^const ", "", text)
    return text.replace(" ", "")


def _declaration(namespace, head, line):
    """head: a declaration's text up to and including the first { or ; outside parentheses."""
    head = " ".join(head.split())
    while re.match(r"template ?<", head):
        head = head[_matching(head, head.index("<"), "<", ">") + 1:].lstrip()
    head = re.sub(r"^(?:\[\[\w+\]\] )+", "", head)
    defined = not head.endswith(";")
    alias = _ALIAS.match(head)
    if alias:
        return Declaration(namespace, "type", alias.group(1), alias.group(2).strip(" ;"), line, True)
    word = _TYPE_WORD.match(head)
    if word:
        found = _TYPE.match(head[word.end():].lstrip())
        return found and Declaration(namespace, "type", found.group(1).replace(" ", ""), None, line, defined)
    before = head.split("(")[0]
    function = _FUNCTION.search(head)
    if function and "::" in function.group(1):  # of a class, which declares it
        return None
    if function and not re.search(r"[^=!<>]=", before):
        end = _matching(head, function.end() - 1, "(", ")")
        types = tuple(_parameter_type(p) for p in _split(head[function.end():end], ",") if p.strip())
        return Declaration(namespace, "function", function.group(1).replace(" ", ""), types, line, defined)
    variable = _VARIABLE.search(head)
    if variable and not function:
        return Declaration(namespace, "variable", variable.group(1), None, line, not head.startswith("extern"))
    return None


def declarations(text):
    """All of one file at namespace scope, those of unnamed namespaces left out."""
    found, namespaces, number = [], [], 0
    raw, lines = text.split("\n"), without_comments(text).split("\n")
    while number < len(lines):
        opening = _NAMESPACE.match(lines[number])
        if opening and "}" not in opening.group(2):
            namespaces.append(opening.group(1))
        elif raw[number].startswith("}  // namespace"):
            namespaces = namespaces[:-1]
        elif namespaces and "" not in namespaces and not opening and not _SKIPPED.match(lines[number]):
            head, depth, first = "", 0, number
            while number < len(lines):
                for i, c in enumerate(lines[number]):
                    depth += (c == "(") - (c == ")")
                    if c in "{;" and depth == 0:
                        head += lines[number][:i + 1]
                        break
                else:
                    head += lines[number] + " "
                    number += 1
                    continue
                break
            declaration = _declaration("::".join(namespaces), head, first + 1)
            found += [declaration] if declaration else []
        number += 1
    return found


_WORD = re.compile(r"(?<![\w.>:~])((?:\w+::)*)([A-Za-z]\w+)(\s*\()?")
_INNER = re.compile(r"(?:struct|class|enum class|enum|using|concept|typename)\s+(\w+)")
_ENUMERATOR = re.compile(r"\b(k[A-Z]\w*)\b\s*(?:=[^,;]*)?[,}]")
_METHOD = re.compile(r"^\s+(?:[\w:<>,*&\[\]]+\s)+[*&]?(\w+)\(", re.MULTILINE)


def words(code):
    """(line, qualifier without its last ::, word, whether a parenthesis follows) of a text without comments."""
    for number, line in enumerate(code.split("\n"), 1):
        if not line.lstrip().startswith("#"):
            for match in _WORD.finditer(line):
                yield number, match.group(1)[:-2], match.group(2), match.group(3) is not None


def inner_names(code):
    """Types and enumerators that a file declares at whatever depth."""
    return set(_INNER.findall(code)) | set(_ENUMERATOR.findall(code))


def methods(code):
    """Names of functions that a file declares or defines, or local variables it makes, indented."""
    return set(_METHOD.findall(code))
