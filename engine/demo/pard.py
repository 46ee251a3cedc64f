"""What a PARD draft (arXiv 2504.18583) computes, many guesses of one text in a single pass.

Behind the known ids stand copies of a mask token: the row of the last known id guesses the next id, the row of the first mask
the one after that, and so on. Here the masks of several places of a text follow the whole text: those of a place see the text
up to it and each other, nothing else, and stand at the positions that they would have there.
"""
import torch

import llama


def mask_token(config):
    return config["pard_token"]


def layout(texts, places, masks):
    """One batch. texts: lists of ids; places: for each text the indices of last known ids; masks: for each place (per text) how
    many masks it gets. Returns a dict of index tensors, [batch, rows]: `source` is the id's index in the text or -1 for a mask,
    `position` its position, and `mask` what is added to the scores."""
    length = max(map(len, texts))
    extra = max(sum(m) for m in masks)
    source, position, place, group = [], [], [], []
    for ids, where, many in zip(texts, places, masks):
        n, pad = len(ids), length - len(ids)
        source.append(list(range(n)) + [-1] * (pad + extra))
        position.append(list(range(n)) + [0] * pad)
        place.append(list(range(n)) + [0] * pad)
        group.append([0] * n + [-1] * pad)
        for number, (last, m) in enumerate(zip(where, many), 1):
            position[-1] += range(last + 1, last + 1 + m)
            place[-1] += [last] * m
            group[-1] += [number] * m
        rest = length + extra - len(group[-1])
        for column, filler in ((position, 0), (place, 0), (group, -1)):
            column[-1] += [filler] * rest
    source, position, place, group = map(torch.tensor, (source, position, place, group))
    index = torch.arange(length + extra)
    text = (group == 0)[:, None, :] & (index[None, None, :] <= place[:, :, None])
    own = (group[:, :, None] == group[:, None, :]) & (group > 0)[:, :, None] & (index[None, :] <= index[:, None])
    return dict(source=source, position=position, group=group, mask=torch.where(text | own, 0.0, -1e9)[:, None, None])


def hidden(w, c, texts, rows, table):
    """The final hidden states of the rows of a layout, [batch, rows, hidden]."""
    n = rows["source"].shape[1]
    known = torch.tensor([ids + [0] * (n - len(ids)) for ids in texts])
    ids = torch.where(rows["source"] < 0, torch.tensor(mask_token(c)), known)
    return llama.forward(w, c, ids, table, rows["mask"], rows["position"])


@torch.no_grad()
def proposals(w, c, ids, places, count, table):
    """What the draft proposes behind each place of one text: `count` ids for each."""
    rows = layout([ids], [places], [[count - 1] * len(places)])
    h = hidden(w, c, [ids], rows, table)[0]
    first = h[torch.tensor(places)][:, None]
    rest = h[len(ids):].view(len(places), count - 1, -1)
    return (torch.cat([first, rest], 1) @ w["model.embed_tokens.weight"].T).argmax(-1).tolist()
