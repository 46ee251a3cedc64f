"""The chat format of the demo model, written out in Python.

chat_template.jinja is the one that ships; this file says the same with plain string code so that training needs no template
engine. `python3 chat.py --check` compares the two where python3-jinja2 is installed.
"""
import json
import sys

START, END, EOT, BOS, EOS = "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|begin_of_text|>", "<|end_of_text|>"


def dumps(value):
    """JSON as the template filter `tojson` prints it: one line, a blank after ':' and ',', no escapes for non-ASCII letters."""
    return json.dumps(value, ensure_ascii=False)


def header(role):
    return START + role + END + "\n\n"


def call_text(calls):
    """Tool calls as the model writes them; several are joined by '; '."""
    return "; ".join('{"name": %s, "parameters": %s}' % (dumps(name), dumps(args)) for name, args in calls)


def content_text(message):
    if message.get("tool_calls"):
        fs = [c["function"] for c in message["tool_calls"]]
        return call_text([(f["name"], json.loads(f["arguments"]) if isinstance(f["arguments"], str) else f["arguments"])
                          for f in fs])
    content = message.get("content")
    if isinstance(content, str):
        return content.strip()
    if isinstance(content, dict):
        return dumps(content)
    return "".join(part["text"].strip() for part in content or [])


def segments(messages, tools=None, generate=False):
    """The prompt as a list of (text, learn). Text holds special tokens literally; learn marks what the assistant says."""
    out = [(BOS, False)]
    has_system = messages[0]["role"] in ("system", "developer")
    if has_system or tools:
        text = content_text(messages[0]) if has_system else ""
        if tools:
            text += "\n\n" * has_system + "Tools:" + "".join("\n" + dumps(t.get("function", t)) for t in tools)
        out.append((header("system") + text + EOT, False))
    for message in messages[1 if has_system else 0:]:
        role = {"tool": "ipython", "developer": "system"}.get(message["role"], message["role"])
        out.append((header(role), False))
        out.append((content_text(message) + EOT, role == "assistant"))
    if generate:
        out.append((header("assistant"), False))
    return out


def prompt(messages, tools=None):
    return "".join(text for text, _ in segments(messages, tools, generate=True))


def check():
    import jinja2
    env = jinja2.Environment()
    env.filters["tojson"] = dumps
    path = __file__.rsplit("/", 1)[0] + "/chat_template.jinja" if "/" in __file__ else "chat_template.jinja"
    template = env.from_string(open(path).read())
    tool = {"type": "function", "function": {"name": "f", "description": "dé", "parameters": {"type": "object", "properties": {}}}}
    call = {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}},
                                                                 {"function": {"name": "g", "arguments": '{"b": "x"}'}}]}
    user, system = {"role": "user", "content": " Hi "}, {"role": "system", "content": "Be kind."}
    parts = {"role": "user", "content": [{"type": "text", "text": "Hi"}]}
    cases = [([user], None), ([system, user], None), ([dict(system, role="developer"), parts], [tool]), ([user], [tool, tool]),
             ([user, call, {"role": "tool", "content": "22"}, {"role": "tool", "content": {"t": 1}}], [tool]),
             ([user, system, user], None)]
    for messages, tools in cases:
        ours = prompt(messages, tools)
        theirs = template.render(messages=messages, tools=tools, bos_token=BOS, add_generation_prompt=True)
        assert ours == theirs, (ours, theirs)
    print(len(cases), "prompts agree")


if __name__ == "__main__":
    if "--check" in sys.argv:
        check()
    else:
        print(__doc__)
