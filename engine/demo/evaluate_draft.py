"""How often the demo model's draft guesses right on held-back prompts.

python3 evaluate_draft.py                          the table for heldback.jsonl, model/ and draft/
The demo model answers each prompt greedily, in cycles as puna has them: the draft proposes so many ids behind all that is known,
those that the answer really has come true up to the first that it has not, and one id more comes from the model itself. The end of
the answer is an id like the others, and what was guessed behind it is not counted.
"""
import argparse
import collections
import json
import os

import torch

import bpe
import evaluate
import llama
import pard

HERE = os.path.dirname(os.path.abspath(__file__))


def written(w, c, tokenizer, cases):
    """(ids of the prompt, ids of the demo model's answer with its end) for each case; those without an end are left out."""
    out = []
    for case, (prompt, got) in zip(cases, evaluate.answers(w, c, tokenizer, cases)):
        end = tokenizer.special["<|end_of_text|>" if "prompt" in case else "<|eot_id|>"]
        out.append(None if got is None else (prompt, got + [end]))
    return out


def cycles(guesses, answer, count):
    """[proposed, accepted] of each cycle: guesses[m] is proposed when m ids of the answer are known, the first by the prompt."""
    out, m = [], 1
    while m < len(answer):
        proposed = min(count, len(answer) - m)
        accepted = 0
        while accepted < proposed and guesses[m][accepted] == answer[m + accepted]:
            accepted += 1
        out.append((proposed, accepted))
        m += accepted + 1
    return out


class Score:
    def __init__(self, count):
        self.reached, self.true, self.tokens, self.cycles = [0] * count, [0] * count, 0, 0

    def add(self, steps):
        for proposed, accepted in steps:
            for i in range(min(proposed, accepted + 1)):
                self.reached[i] += 1
                self.true[i] += i < accepted
            # The last cycle of an answer may end with a guess; elsewhere the model adds one.
            self.tokens += accepted + 1
        self.cycles += len(steps)

    def per_cycle(self):
        return self.tokens / max(1, self.cycles)


def table(families, everything):
    lines = ["| family | tokens a cycle | first guess | first two | first four |", "|---|---|---|---|---|"]
    for name, score in list(families.items()) + [("all", everything)]:
        chain = [share(score, i) for i in range(len(score.true))]
        product = lambda n: 100 * torch.tensor(chain[:n]).prod().item()
        lines.append("| %s | %.2f | %.0f %% | %.0f %% | %.0f %% |" % (name, score.per_cycle(), product(1), product(2), product(4)))
    lines += ["", "| place | " + " | ".join(str(i + 1) for i in range(len(everything.true))) + " |",
              "|---" * (len(everything.true) + 1) + "|",
              "| came true, of those whose predecessors did | " + 
              " | ".join("%.0f %%" % (100 * share(everything, i)) for i in range(len(everything.true))) + " |"]
    return "\n".join(lines)


def share(score, i):
    return score.true[i] / max(1, score.reached[i])


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--cases", default=os.path.join(HERE, "heldback.jsonl"))
    p.add_argument("--model", default=os.path.join(HERE, "model"))
    p.add_argument("--draft", default=os.path.join(HERE, "draft"))
    p.add_argument("--guesses", type=int, default=8, help="ids that are proposed at once (8)")
    p.add_argument("--every", type=int, default=1, metavar="N", help="only every Nth case")
    p.add_argument("--threads", type=int, default=1)
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    w, c = llama.load(os.path.join(a.model, "model.safetensors")), json.load(open(os.path.join(a.model, "config.json")))
    draft, own = llama.load(os.path.join(a.draft, "model.safetensors")), json.load(open(os.path.join(a.draft, "config.json")))
    cases = [json.loads(line) for line in open(a.cases, encoding="utf-8")][::a.every]
    families, everything = collections.OrderedDict(), Score(a.guesses)
    rope = llama.rope_table(own, 2048)
    for case, found in zip(cases, written(w, c, bpe.Tokenizer(a.model), cases)):
        score = families.setdefault(case["family"], Score(a.guesses))
        if found is None:
            continue
        prompt, answer = found
        places = [len(prompt) - 1 + m for m in range(len(answer))]
        guesses = pard.proposals(draft, own, prompt + answer, places, a.guesses, rope)
        steps = cycles(guesses, answer, a.guesses)
        score.add(steps)
        everything.add(steps)
    print(table(families, everything))


if __name__ == "__main__":
    main()
