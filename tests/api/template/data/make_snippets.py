"""Writes snippets.jsonl: small templates and what jinja2 makes of them in the environment that transformers gives to chat
templates.

python3 make_snippets.py    (needs jinja2 3.1; reads snippets.txt beside it)

snippets.txt: one template per line, or several lines between lines of `<<<` and `>>>`. A line `vars NAME {json}` defines
a set of variables, `use NAME` selects the one for the templates after it. Lines beginning with `##` are headings.
"""
import json
import os

import jinja2
import jinja2.ext
import jinja2.nodes
import jinja2.sandbox


class Generation(jinja2.ext.Extension):
    """transformers' {% generation %}: a call block around its body."""
    tags = {"generation"}

    def parse(self, parser):
        lineno = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("support"), [], [], body).set_lineno(lineno)

    def support(self, caller):
        return caller()


def environment():
    env = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])

    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    return env


def snippets(path):
    name, sets, block = "none", {"none": {}}, None
    for line in open(path, encoding="utf-8"):
        line = line.rstrip("\n")
        if block is not None:
            if line == ">>>":
                yield "\n".join(block), sets[name]
                block = None
            else:
                block.append(line)
        elif line == "<<<":
            block = []
        elif line.startswith("vars "):
            _, key, text = line.split(" ", 2)
            sets[key] = json.loads(text)
        elif line.startswith("use "):
            name = line[4:].strip()
        elif line and not line.startswith("##"):
            yield line, sets[name]


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    rows = []
    env = environment()
    for template, variables in snippets(os.path.join(here, "snippets.txt")):
        row = {"template": template, "variables": variables}
        try:
            row["output"] = env.from_string(template).render(
                **{"messages": [], "tools": None, "documents": None, "add_generation_prompt": True, **variables})
        except Exception as error:
            row["error"] = str(error)
            row["error_type"] = type(error).__name__
        rows.append(row)
    with open(os.path.join(here, "snippets.jsonl"), "w", encoding="utf-8") as out:
        for row in rows:
            out.write(json.dumps(row) + "\n")
    print(len(rows), "snippets,", sum("error" in r for r in rows), "errors")


if __name__ == "__main__":
    main()
