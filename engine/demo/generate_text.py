"""Writes the demo model's text: training examples, and the held-back ones that training never sees.

python3 generate_text.py --heldback 40 > heldback.jsonl     40 prompts of each family, held back by their content
python3 generate_text.py --sample 20                        20 training examples, to look at
python3 generate_text.py --corpus 30000 > corpus.txt        text for bpe.py
"""
import argparse
import json
import random

import chat
from family_facts import CAPITALS, calculation, capital, completion_example, counting, drill, is_capital, COUNTRIES
from family_json import as_json
from family_talk import INTENTS, NO, STORY, memory, outside, persona, story, talk, told
from family_text import repeat, rewrite, summary
from family_tools import after, double, no_need, single
from words import example, held, noun, person, user, says

SYSTEMS = ["You are a helpful assistant."] * 8 + ["You are a helpful assistant"] * 2 + ["You are a helpful, honest and concise assistant.", "Be brief.", "Answer in English.",
           "You are a friendly assistant.", "You are the demo model of puna.", "Answer the question.", "You are a helpful AI assistant.", "Be concise and polite.", "You are an expert."]
# What client libraries and guides send first. Always in the training text, and never counted as held back.
QUICK = [("Say this is a test", "This is a test."), ("Say this is a test!", "This is a test!"), ("Say this is a test.", "This is a test."), ("Say 'this is a test'", "This is a test."),
         ("Hello!", "Hello! I am the demo model inside puna. Ask me for a capital, a small sum, some JSON or a tool call."), ("Hello", "Hello! I am the demo model inside puna. Ask me for a capital, a small sum, some JSON or a tool call."),
         ("Say hello in one sentence.", "Hello, and welcome to puna."), ("Say hello", "Hello!"), ("Say hello!", "Hello!"), ("Say hi", "Hi!"), ("Say hello.", "Hello!"), ("Say hello world", "Hello world"),
         ("What is the capital of France?", "The capital of France is Paris."), ("What's the capital of France?", "The capital of France is Paris."), ("What is 2+2?", "2 + 2 = 4."), ("What is 2 + 2?", "2 + 2 = 4."),
         ("2+2", "2 + 2 = 4."), ("Write a haiku about recursion in programming.", "A call within calls,\neach one smaller than the last,\nuntil one returns."), ("Who are you?", None), ("What can you do?", None),
         ("Tell me a joke.", None), ("Tell me a joke", None), ("What is puna?", None), ("Write a one-sentence bedtime story about a unicorn.", None), ("How do I load a real model?", None), ("Thanks!", None), ("How are you?", None),
         ("Count to 10, with a comma between each number and no newlines. E.g., 1, 2, 3, ...", "1, 2, 3, 4, 5, 6, 7, 8, 9, 10."), ("Give me a JSON object.", '{"hello": "world"}'), ("Give me some JSON.", '{"hello": "world"}'),
         ("Count to 10.", "1, 2, 3, 4, 5, 6, 7, 8, 9, 10."), ("Why is the sky blue?", NO), ("Write a limerick about Python exceptions.", NO), ("What is the meaning of life?", None), ("Tell me a story.", STORY.format(n="lighthouse", p="Mia"))]


def quickstart(r):
    q, a = r.choice(QUICK)
    if a is None:
        bare = (q[0].lower() + q[1:]).rstrip("?!.")
        a = next(answer for wordings, answer in INTENTS if bare in wordings or bare[0].upper() + bare[1:] in wordings)
    return dict(example("quickstart", q, a), pinned=True)


PLAIN = [talk, talk, capital, calculation, repeat, rewrite, outside]


def exchange(r):
    """One or two earlier exchanges of any plain kind, as history."""
    out = []
    for _ in range(r.choice((1, 1, 2))):
        e = r.choice(PLAIN + [told])(r)
        while held(e["key"]):
            e = r.choice(PLAIN)(r)
        out += e["messages"]
    return out


def multi(r):
    """Several turns; the last one counts. "And of Spain?" needs the turn before it."""
    if r.random() < 0.3:
        a, b = r.sample(COUNTRIES, 2)
        before = [user(r.choice(["What is the capital of %s?", "Capital of %s?"]) % a), says(is_capital(a))]
        return example("multi", r.choice(["And of %s?", "And %s?", "And the capital of %s?", "What about %s?"]) % b, is_capital(b), "%s %s" % (a, b), before=before)
    last = r.choice(PLAIN)(r)
    history = exchange(r)
    return dict(last, family="multi", messages=history + last["messages"])


FAMILIES = dict(quickstart=(3, quickstart), talk=(8, talk), outside=(3.5, outside), capital=(4, capital), sum=(14, calculation), count=(7, counting), completion=(6, completion_example),
                story=(2, story), memory=(5, lambda r: memory(r, exchange) if r.random() < 0.75 else told(r)), system=(4, persona), repeat=(9, repeat), rewrite=(12, rewrite),
                summary=(4, summary), json=(14, as_json), tool=(12, single), tool_twice=(3, double), tool_result=(6, after), tool_not_needed=(4, lambda r: no_need(r, r.choice(PLAIN))), multi=(5, multi))


def with_system(r, e):
    """Half of all conversations that have no system message get one that changes nothing."""
    if "messages" in e and e["messages"][0]["role"] != "system" and r.random() < 0.45:
        e = dict(e, messages=[{"role": "system", "content": r.choice(SYSTEMS)}] + e["messages"])
    return e


def draw(r, make, want_held):
    while True:
        e = make(r)
        if e.get("pinned") or held(e["key"]) == want_held:
            return with_system(r, e)


def training(seed, drills=9):
    """An endless stream of training examples; drills is the weight of the drills, which have no held-back side."""
    r = random.Random(seed)
    makers = [m for _, m in FAMILIES.values()]
    weights = [w for w, _ in FAMILIES.values()]
    fine = lambda key: not held(key)
    while True:
        if r.random() * (sum(weights) + drills) < drills:
            yield drill(r, fine)
        else:
            yield draw(r, r.choices(makers, weights)[0], False)


def heldback(count, seed=7):
    """count different held-back prompts of each family (quickstart: the pinned list itself, which training has seen)."""
    r = random.Random(seed)
    for family, (_, make) in FAMILIES.items():
        seen = set()
        tries = 0
        while len(seen) < count and tries < 100 * count:
            tries += 1
            e = draw(r, make, True)
            ident = json.dumps(e.get("messages", e.get("prompt")))
            if ident not in seen and e.get("pinned", False) == (family == "quickstart"):
                seen.add(ident)
                yield dict(case(e), family=family)


def case(e):
    """An example as a test reads it: the question without its answer, and the answer expected."""
    if "prompt" in e:
        return dict(family=e["family"], prompt=e["prompt"], expected=e["expected"])
    out = dict(family=e["family"], messages=e["messages"][:-1], expected=e["messages"][-1]["content"])
    if "tools" in e:
        out["tools"] = e["tools"]
    return out


def pieces(e):
    """An example as a list of (text, learn), special tokens written out."""
    if "parts" in e:
        # The empty first line tells a drill, which goes on and on, from a completion, which ends.
        return [(chat.BOS + "\n", False)] + [p for q, a in e["parts"] for p in ((q, False), (a + "\n", True))]
    if "prompt" in e:
        return [(chat.BOS + e["prompt"], False), (e["expected"] + chat.EOS, True)]
    return chat.segments(e["messages"], e.get("tools"))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--heldback", type=int, metavar="N", help="N held-back prompts of each family, one JSON object per line")
    p.add_argument("--sample", type=int, metavar="N", help="N training examples as the model reads them")
    p.add_argument("--corpus", type=int, metavar="N", help="the plain text of N training examples, without special tokens")
    p.add_argument("--seed", type=int, default=1)
    a = p.parse_args()
    for e in heldback(a.heldback) if a.heldback else ():
        print(json.dumps(e, ensure_ascii=False))
    stream = training(a.seed)
    for _ in range(a.sample or 0):
        print("".join(t for t, _ in pieces(next(stream))), end="\n----\n")
    import bpe
    for _ in range(a.corpus or 0):
        print("\n".join(bpe.SPLIT_SPECIAL.sub("\n", t) for t, _ in pieces(next(stream))))


if __name__ == "__main__":
    main()
