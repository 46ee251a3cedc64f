"""Trains the demo model's draft, a small PARD model (see pard.py), and writes its folder.

python3 train_draft.py --minutes 30                                   from random weights
python3 train_draft.py --start draft/model.safetensors --seed 102 --peak 0.3 --minutes 10    a little more

It learns what the demo model would write, not what the text says: its targets are the demo model's own probabilities. A chain of
masks counts as far as the demo model writes the text itself; behind that it would have written something else. Same text, same
optimisers as train.py; one process with one thread.
"""
import argparse
import json
import os
import random
import time

import torch
import torch.nn.functional as F

import bpe
import generate_text
import llama
import pard
import train

HERE = os.path.dirname(os.path.abspath(__file__))
CONFIG = dict(llama.CONFIG, hidden_size=128, intermediate_size=384, num_hidden_layers=2, num_attention_heads=4,
              num_key_value_heads=1,
              head_dim=64, pard_token=2039, spd_type="pard")
GUESSES = 8
FADE = 0.9  # a guess counts so much less than the one before it, without which it is worth nothing


class Draw:
    """The text, as batches of similar lengths with the places where the draft guesses."""

    def __init__(self, tokenizer, a):
        self.random = random.Random(a.seed)
        self.places = a.places
        source = generate_text.training(a.seed)
        self.batches = train.batches(source, tokenizer, a.batch, a.budget, a.prompt_weight, self.random)

    def step(self):
        for ids, weights in next(self.batches):
            texts = [i[:n].tolist() for i, n in zip(ids, lengths(ids, weights))]
            yield texts, weights, [self.choose(w.tolist(), len(t)) for t, w in zip(texts, weights)]

    def choose(self, weights, length):
        """Some places from which the assistant goes on."""
        fine = [i for i in range(length - 1) if weights[i + 1] == 1]
        return sorted(self.random.sample(fine, min(self.places, len(fine))))


def lengths(ids, weights):
    """Padding has weight 0 and id 0, and no text ends with such an id."""
    counts = (ids != 0).long() * torch.arange(1, ids.shape[1] + 1)
    return counts.max(1).values.tolist()


@torch.no_grad()
def teach(w, c, texts, table, masks):
    """The demo model's final states of a batch, and for each row whether it writes what the text says there."""
    n = max(map(len, texts))
    ids = torch.tensor([t + [0] * (n - len(t)) for t in texts])
    if n not in masks:
        masks[n] = llama.causal(n)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return llama.forward(w, c, ids, table, masks[n])


@torch.no_grad()
def agrees(w, states, texts, weights):
    """For each text and row whether the demo model's likeliest id is the text's, where the assistant speaks."""
    out = torch.zeros(states.shape[:2], dtype=torch.bool)
    speaks = (weights[:, 1:states.shape[1]] == 1).nonzero()
    row, column = speaks[:, 0], speaks[:, 1]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        likeliest = F.linear(states[row, column], w["model.embed_tokens.weight"]).float().argmax(-1)
    n = states.shape[1]
    ids = torch.tensor([t + [0] * (n - len(t)) for t in texts])
    out[row, column] = likeliest == ids[row, column + 1]
    return out


def chains(agree, weights, places):
    """How many masks are worth learning at each place of one text: as long as the demo model wrote what is there."""
    out = []
    for place in places:
        m = 0
        while m < GUESSES - 1 and place + m + 2 < len(weights) and agree[place + m] and weights[place + m + 2] == 1:
            m += 1
        out.append(m)
    return out


def loss_of(student, teacher, batch, tables, masks):
    """Summed cross entropy against the demo model's probabilities, and the sum of its weights."""
    texts, weights, places = batch
    states = teach(teacher, llama.CONFIG, texts, tables[0], masks)
    agree = agrees(teacher, states, texts, weights).tolist()
    many = [chains(a, w, p) for a, w, p in zip(agree, weights.tolist(), places)]
    rows = pard.layout(texts, places, many)
    at, weigh = targets(rows, texts, weights, places, many)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        with torch.no_grad():
            wanted = F.linear(states[at[0], at[2]], teacher["model.embed_tokens.weight"]).float().softmax(-1)
        h = pard.hidden(student, CONFIG, texts, rows, tables[1])
        logits = F.linear(h[at[0], at[1]], student["model.embed_tokens.weight"])
    each = -(wanted * logits.float().log_softmax(-1)).sum(-1)
    return (each * weigh).sum(), weigh.sum()


def targets(rows, texts, weights, places, many):
    """(text, row of the draft, row of the demo model that guesses the same id) of all rows that count, and how much they do."""
    found, weigh = [], []
    length = max(map(len, texts))
    for b, (ids, w) in enumerate(zip(texts, weights.tolist())):
        for i in range(len(ids) - 1):
            if w[i + 1] > 0:
                found.append((b, i, i))
                weigh.append(w[i + 1])
        row = length
        for place, m in zip(places[b], many[b]):
            for j in range(m):
                found.append((b, row + j, place + 1 + j))
                weigh.append(FADE ** (j + 1))
            row += m
    return torch.tensor(found).T, torch.tensor(weigh)


class Trainer:
    def __init__(self, a):
        os.nice(a.nice)
        torch.set_num_threads(a.threads)
        torch.manual_seed(a.seed)
        self.a = a
        self.teacher = llama.load(os.path.join(a.model, "model.safetensors"))
        self.w = llama.load(a.start) if a.start else llama.init(CONFIG, a.seed)
        self.mean = {k: v.clone() for k, v in self.w.items()}
        for v in self.w.values():
            v.requires_grad_()
        matrices = [k for k, v in self.w.items() if v.dim() == 2 and "embed" not in k]
        self.muon = train.Muon([self.w[k] for k in matrices], 0.1)
        rest = [v for k, v in self.w.items() if k not in matrices]
        self.adam = torch.optim.AdamW(rest, lr=1.0, betas=(0.9, 0.97), weight_decay=0.0)
        longest = train.LONGEST + GUESSES
        self.tables, self.masks = (llama.rope_table(llama.CONFIG, longest), llama.rope_table(CONFIG, longest)), {}

    def update(self, scale):
        self.muon.step(0.02 * scale)
        self.adam.param_groups[0]["lr"] = 0.004 * scale
        self.adam.step()
        with torch.no_grad():
            for k, v in self.mean.items():
                v.lerp_(self.w[k], 0.03)

    def step(self, draw):
        for v in self.w.values():
            v.grad = None
        total = weight = 0.0
        for batch in draw.step():
            loss, weigh = loss_of(self.w, self.teacher, batch, self.tables, self.masks)
            loss.backward()
            total, weight = total + loss.item(), weight + weigh.item()
        for v in self.w.values():
            v.grad /= weight
        return total / weight

    def run(self):
        a, began, done, shown, number = self.a, time.process_time(), 0.0, None, 0
        draw = Draw(bpe.Tokenizer(a.model), a)
        while done < 1:
            value = self.step(draw)
            self.update(a.peak * train.rate_at(number, done, a.tail))
            number += 1
            shown = value if shown is None else 0.9 * shown + 0.1 * value
            done = min(1.0, max(number / a.steps, (time.process_time() - began) / (60 * a.minutes) if a.minutes else 0))
            if number % 20 == 0 or done >= 1:
                print("step %5d  loss %.4f  %.0f s" % (number, shown, time.process_time() - began), flush=True)
            if a.snapshot and number % a.snapshot == 0:
                llama.save(self.mean, os.path.join(a.out, "model.safetensors"))
        write(self.mean, a.out)


def write(w, folder):
    with open(os.path.join(folder, "config.json"), "w") as f:
        f.write(json.dumps(CONFIG, indent=2) + "\n")
    llama.save(w, os.path.join(folder, "model.safetensors"))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--steps", type=int, default=1500)
    p.add_argument("--minutes", type=float, default=0,
                   help="of processor time; the run ends there if that comes first, and the rate follows")
    p.add_argument("--batch", type=int, default=64, help="examples per step (64)")
    p.add_argument("--budget", type=int, default=1600, help="tokens that are computed together (1600)")
    p.add_argument("--places", type=int, default=10, help="places of a text from which masks guess (10)")
    p.add_argument("--seed", type=int, default=101)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--nice", type=int, default=0, help="how far to step back behind other work on the machine")
    p.add_argument("--peak", type=float, default=1.0, help="factor on the learning rates")
    p.add_argument("--tail", type=float, default=0.6, help="the part of the run in which the rate falls to zero")
    p.add_argument("--prompt-weight", type=float, default=0.1, help="weight of the text that is not the assistant's")
    p.add_argument("--start", help="weights to start from instead of random ones")
    p.add_argument("--model", default=os.path.join(HERE, "model"), help="the folder of the model that it guesses for")
    p.add_argument("--out", default=os.path.join(HERE, "draft"), help="the draft's folder")
    p.add_argument("--snapshot", type=int, default=0, metavar="N", help="write the weights as they are every N steps")
    a = p.parse_args()
    os.makedirs(a.out, exist_ok=True)
    Trainer(a).run()


if __name__ == "__main__":
    main()
