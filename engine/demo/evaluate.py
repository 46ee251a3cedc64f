"""Exact match on held-back prompts, by family, with greedy decoding and the bf16 weights of the file.

python3 evaluate.py                                the table for heldback.jsonl and model/
An answer counts only if every character is the expected one and the model stops there by itself. One pass over prompt and
answer tells that: greedy decoding gives the answer exactly if each of its tokens is the likeliest at its place. --generate
really decodes, and so can show what came instead.
"""
import argparse
import collections
import json
import os

import torch

import bpe
import chat
import llama

HERE = os.path.dirname(os.path.abspath(__file__))


def prompt_ids(tokenizer, case):
    if "prompt" in case:
        return tokenizer.encode(chat.BOS + case["prompt"])
    return tokenizer.encode(chat.prompt(case["messages"], case.get("tools")))


def answers(w, c, tokenizer, cases, limit=420, batch=40):
    """(ids of the prompt, ids of the model's answer) for each case; None for an answer that did not stop. Cases of similar length
    run together."""
    ids = [prompt_ids(tokenizer, x) for x in cases]
    wanted = [len(tokenizer.encode(x["expected"])) for x in cases]
    order = sorted(range(len(cases)), key=lambda i: (wanted[i] // 24, len(ids[i])))
    out = [None] * len(cases)
    for start in range(0, len(order), batch):
        part = order[start:start + batch]
        # A few tokens more than the right answer needs: enough to see that it did not stop.
        room = min(limit, max(wanted[i] for i in part) + 8)
        for i, got in zip(part, llama.greedy(w, c, [ids[i] for i in part], room, set(c["eos_token_id"]))):
            out[i] = (ids[i], got if len(got) < room else None)
    return out


@torch.no_grad()
def exact(w, c, tokenizer, cases, batch=24):
    """For each case whether greedy decoding gives the expected answer and then stops."""
    rows = []
    for i, case in enumerate(cases):
        stop = chat.EOS if "prompt" in case else chat.EOT
        rows.append((prompt_ids(tokenizer, case), tokenizer.encode(case["expected"] + stop), i))
    rows.sort(key=lambda r: len(r[0]) + len(r[1]))
    right, rope = [False] * len(cases), llama.rope_table(c, len(rows[-1][0]) + len(rows[-1][1]))
    for start in range(0, len(rows), batch):
        part = rows[start:start + batch]
        n = max(len(p) + len(a) for p, a, _ in part)
        ids = torch.tensor([p + a + [0] * (n - len(p) - len(a)) for p, a, _ in part])
        h = llama.forward(w, c, ids, rope, llama.causal(n))
        for row, (p, a, i) in enumerate(part):
            likeliest = (h[row, len(p) - 1:len(p) + len(a) - 1] @ w["model.embed_tokens.weight"].T).argmax(-1)
            right[i] = likeliest.tolist() == a
    return right


def table(cases, right):
    score = collections.OrderedDict()
    for case, good in zip(cases, right):
        s = score.setdefault(case["family"], [0, 0])
        s[0] += good
        s[1] += 1
    lines = ["| family | exact | of | |", "|---|---|---|---|"]
    for family, (good, n) in score.items():
        lines.append("| %s | %d | %d | %.0f %% |" % (family, good, n, 100 * good / n))
    held = [s for family, s in score.items() if family != "quickstart"]
    good, n = (sum(s[i] for s in held) for i in (0, 1))
    lines.append("| all held back | %d | %d | %.1f %% |" % (good, n, 100 * good / max(n, 1)))
    return "\n".join(lines)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--cases", default=os.path.join(HERE, "heldback.jsonl"))
    p.add_argument("--model", default=os.path.join(HERE, "model"))
    p.add_argument("--weights", help="another safetensors file for the same config")
    p.add_argument("--generate", action="store_true", help="decode, and print what was expected and what came where they differ")
    p.add_argument("--every", type=int, default=1, metavar="N", help="only every Nth case")
    p.add_argument("--threads", type=int, default=2)
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    w = llama.load(a.weights or os.path.join(a.model, "model.safetensors"))
    c = json.load(open(os.path.join(a.model, "config.json")))
    tokenizer = bpe.Tokenizer(a.model)
    cases = [json.loads(line) for line in open(a.cases, encoding="utf-8")][::a.every]
    if a.generate:
        got = [ids if ids is None else tokenizer.decode(ids) for _, ids in answers(w, c, tokenizer, cases)]
        for case, text in zip(cases, got):
            if text != case["expected"]:
                question = case.get("prompt") or case["messages"][-1]["content"]
                print("%s | %r\n   expected %r\n   got      %r" % (case["family"], question, case["expected"], text))
        right = [text == case["expected"] for case, text in zip(cases, got)]
    else:
        right = exact(w, c, tokenizer, cases)
    print(table(cases, right))


if __name__ == "__main__":
    main()
