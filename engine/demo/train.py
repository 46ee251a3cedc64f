"""Trains the demo model on generated text and writes the checkpoint folder.

python3 train.py --steps 2000                      from random weights
python3 train.py --start model/model.safetensors --seed 8 --peak 0.4 --steps 500          a little more

Muon for the matrices (it needs about half of AdamW's text), Adam for embedding and norms; constant rate, then linear to zero;
what is written is a running mean of the weights. The text is drawn as it is needed and not repeated. The folder given by
--out must hold a tokenizer (see bpe.py).
"""
import argparse
import ctypes
import json
import os
import random
import time

import torch
import torch.nn.functional as F

import bpe
import generate_text
import llama

HERE = os.path.dirname(os.path.abspath(__file__))
LONGEST = 640


def encode(tokenizer, example, prompt_weight, random):
    """ids, and for each id how much its prediction counts: fully where the assistant speaks, a little here and there elsewhere."""
    ids, weights = [], []
    for text, learn in generate_text.pieces(example):
        part = tokenizer.encode(text)
        ids += part
        weights += [1.0 if learn else prompt_weight * (random.random() < 0.25) for _ in part]
    return ids, weights


def batches(stream, tokenizer, per_step, budget, prompt_weight, random):
    """For each step a list of micro-batches of similar lengths, so that little is spent on padding."""
    while True:
        rows = []
        while len(rows) < per_step:
            # A quarter of the prompts' tokens is enough: the head is a fifth of the work.
            row = encode(tokenizer, next(stream), prompt_weight, random)
            if len(row[0]) <= LONGEST:
                rows.append(row)
        rows.sort(key=lambda x: len(x[0]))
        out, group = [], []
        for row in rows:
            room = (len(group) + 1) * len(row[0])
            if group and (room > budget or room > budget // 4 and len(row[0]) > 1.15 * len(group[0][0])):
                out.append(group)
                group = []
            group.append(row)
        yield [padded(g) for g in out + [group]]


def padded(rows):
    n = max(len(ids) for ids, _ in rows)
    ids = torch.tensor([i + [0] * (n - len(i)) for i, _ in rows])
    weights = torch.tensor([w + [0.0] * (n - len(w)) for _, w in rows])
    return ids, weights


class Muon:
    """Momentum whose step is made orthogonal: every direction of a matrix moves equally far."""

    def __init__(self, matrices, decay):
        self.decay, self.groups = decay, {}
        for p in matrices:
            self.groups.setdefault(tuple(sorted(p.shape)), []).append(p)
        self.momentum = {p: torch.zeros_like(p) for p in matrices}

    @torch.no_grad()
    def step(self, rate, beta=0.95):
        for params in self.groups.values():
            updates = []
            for p in params:
                m = self.momentum[p].mul_(beta).add_(p.grad, alpha=1 - beta)
                u = p.grad.lerp(m, beta)
                updates.append(u.T if p.shape[0] > p.shape[1] else u)
            for p, u in zip(params, orthogonal(torch.stack(updates))):
                tall = p.shape[0] > p.shape[1]
                p.mul_(1 - rate * self.decay)
                p.add_(u.T if tall else u, alpha=-rate * max(1.0, p.shape[0] / p.shape[1]) ** 0.5)


def orthogonal(g):
    """Five Newton-Schulz steps bring all singular values near one (bfloat16 is enough for that)."""
    x = (g / (g.norm(dim=(1, 2), keepdim=True) + 1e-7)).bfloat16()
    for _ in range(5):
        a = x @ x.transpose(1, 2)
        b = torch.baddbmm(a, a, a, beta=-4.7750, alpha=2.0315)
        x = torch.baddbmm(x, b, x, beta=3.4445)
    return x.float()


def rate_at(step, done, tail):
    """Warm-up, constant, then linear to zero; done runs from 0 to 1."""
    return min(1.0, (step + 1) / 15) * min(1.0, (1 - done) / tail)


def loss_of(w, c, ids, weights, table, masks):
    t = ids.shape[1] - 1
    if t not in masks:
        masks[t] = llama.causal(t)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        h = llama.forward(w, c, ids[:, :-1], table, masks[t])
        pick = weights[:, 1:].reshape(-1).nonzero()[:, 0]
        logits = F.linear(h.reshape(-1, h.shape[-1])[pick], w["model.embed_tokens.weight"])
    each = F.cross_entropy(logits.float(), ids[:, 1:].reshape(-1)[pick], reduction="none")
    return (each * weights[:, 1:].reshape(-1)[pick]).sum()


def write(w, c, folder):
    with open(os.path.join(folder, "config.json"), "w") as f:
        f.write(json.dumps(c, indent=2) + "\n")
    with open(os.path.join(folder, "generation_config.json"), "w") as f:
        generation = dict(bos_token_id=c["bos_token_id"], do_sample=False, eos_token_id=c["eos_token_id"],
                          pad_token_id=c["pad_token_id"], transformers_version="4.45.0")
        f.write(json.dumps(generation, indent=2) + "\n")
    llama.save(w, os.path.join(folder, "model.safetensors"))


class Worker:
    """One of several processes with one thread each: they share the weights, take the micro-batches of a step in turn,
    and each updates its own share of the matrices. (Two threads inside one product wait for each other too often.)"""

    def __init__(self, number, a, shared):
        self.number, self.a, self.w, self.mean, self.grads, self.taken, self.total, self.done, self.barrier = number, a, *shared
        os.nice(a.nice)
        torch.set_num_threads(1)
        torch.manual_seed(a.seed)
        mine = lambda names: [k for i, k in enumerate(names) if i % a.workers == number]
        matrices = [k for k, v in self.w.items() if v.dim() == 2 and "embed" not in k]
        self.matrices = mine(sorted(matrices, key=lambda k: (tuple(self.w[k].shape), k)))
        self.rest = mine([k for k in self.w if k not in matrices])
        self.muon = Muon([self.w[k] for k in self.matrices], 0.1)
        rest = [self.w[k] for k in self.rest] or [torch.zeros(1)]
        self.adam = torch.optim.AdamW(rest, lr=1.0, betas=(0.9, 0.97), weight_decay=0.0)
        self.leaf = {k: v.detach().requires_grad_() for k, v in self.w.items()}
        self.table, self.masks = llama.rope_table(llama.CONFIG, LONGEST), {}

    def gradients(self, groups):
        """The gradient of the micro-batches that this worker gets hold of, into its own shared buffers."""
        scale = 1 / sum(weights[:, 1:].sum() for _, weights in groups)
        for v in self.leaf.values():
            v.grad = None
        while True:
            with self.taken.get_lock():
                i = self.taken.value
                self.taken.value += 1
            if i >= len(groups):
                break
            loss = loss_of(self.leaf, llama.CONFIG, *groups[i], self.table, self.masks) * scale
            loss.backward()
            self.total[self.number] += loss.item()
        for k, v in self.leaf.items():
            self.grads[self.number][k].zero_() if v.grad is None else self.grads[self.number][k].copy_(v.grad)

    def update(self, scale):
        for k in self.matrices + self.rest:
            self.w[k].grad = sum(g[k] for g in self.grads)
        self.muon.step(0.02 * scale)
        self.adam.param_groups[0]["lr"] = 0.004 * scale
        self.adam.step()
        # What is kept is a running mean of the weights: as calm as after a long fall of the rate, at any time.
        with torch.no_grad():
            for k in self.matrices + self.rest:
                self.mean[k].lerp_(self.w[k], 0.03)

    def run(self):
        a, began, tokens, shown = self.a, time.time(), 0, None
        tokenizer = bpe.Tokenizer(a.out)
        source = batches(generate_text.training(a.seed), tokenizer, a.batch, 1200, a.prompt_weight, random.Random(a.seed))
        for step in range(a.steps):
            # Every worker draws the same text; the long micro-batches come first, so that all end at about the same time.
            groups = sorted(next(source), key=lambda g: -g[0].numel())
            self.gradients(groups)
            self.barrier.wait()
            value = sum(self.total)
            self.update(a.peak * rate_at(step, self.done.value, a.tail))
            self.barrier.wait()
            if self.number == 0:
                self.taken.value = 0
                self.done.value = min(1.0, max((step + 1) / a.steps, (time.time() - began) / (60 * a.minutes) if a.minutes else 0))
                tokens += sum(ids.numel() for ids, _ in groups)
                shown = value if shown is None else 0.9 * shown + 0.1 * value
                if step % 20 == 0 or self.done.value >= 1:
                    told = (step, shown, tokens / 1e6, time.time() - began)
                    print("step %5d  loss %.4f  tokens %.2fM  %.0f s" % told, flush=True)
                if a.snapshot and (step + 1) % a.snapshot == 0:
                    llama.save(self.mean, a.snapshot_to)
            self.total[self.number] = 0.0
            self.barrier.wait()
            if self.done.value >= 1:
                break


def start_worker(number, a, shared):
    # The workers end with the process that started them (PR_SET_PDEATHSIG, SIGTERM).
    ctypes.CDLL(None).prctl(1, 15)
    Worker(number, a, shared).run()


def train(a):
    w = llama.load(a.start) if a.start else llama.init(llama.CONFIG, a.seed)
    mp = torch.multiprocessing.get_context("fork")
    grads = [{k: torch.zeros_like(v).share_memory_() for k, v in w.items()} for _ in range(a.workers)]
    mean = {k: v.clone().share_memory_() for k, v in w.items()}
    for v in w.values():
        v.share_memory_()
    shared = (w, mean, grads, mp.Value("i", 0), mp.Array("d", a.workers), mp.Value("d", 0.0), mp.Barrier(a.workers))
    workers = [mp.Process(target=start_worker, args=(i, a, shared), daemon=True) for i in range(a.workers)]
    for x in workers:
        x.start()
    for x in workers:
        x.join()
    if all(x.exitcode == 0 for x in workers):
        write(mean, llama.CONFIG, a.out)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--steps", type=int, default=2000)
    p.add_argument("--minutes", type=float, default=0,
                   help="stop by the clock if that comes first; the rate then follows the clock")
    p.add_argument("--batch", type=int, default=80, help="examples per step (80)")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--workers", type=int, default=2, help="processes, one core each (2)")
    p.add_argument("--nice", type=int, default=0, help="how far to step back behind other work on the machine")
    p.add_argument("--peak", type=float, default=1.0, help="factor on the learning rates")
    p.add_argument("--tail", type=float, default=0.6, help="the part of the run in which the rate falls to zero")
    p.add_argument("--prompt-weight", type=float, default=0.1, help="weight of the text that is not the assistant's")
    p.add_argument("--start", help="weights to start from instead of random ones")
    p.add_argument("--out", default=os.path.join(HERE, "model"), help="the checkpoint folder, with a tokenizer in it")
    p.add_argument("--snapshot", type=int, default=0, metavar="N", help="write the weights as they are every N steps")
    p.add_argument("--snapshot-to", default="/tmp/demo-snapshot.safetensors")
    train(p.parse_args())


if __name__ == "__main__":
    main()
