"""A small byte-level BPE in the layout of Llama 3's tokenizer.

Llama 3's pre-tokenizer and its 11 first special tokens, with a vocabulary of our own. Digits are never merged: a sum is read
digit by digit. `python3 bpe.py TEXT FOLDER` trains on the lines of TEXT and writes tokenizer.json, tokenizer_config.json and
special_tokens_map.json into FOLDER. Needs python3-regex.
"""
import collections
import json
import os
import sys

import regex

PATTERN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
SPECIAL = ["<|begin_of_text|>", "<|end_of_text|>", "<|reserved_special_token_0|>", "<|reserved_special_token_1|>",
           "<|finetune_right_pad_id|>", "<|reserved_special_token_2|>", "<|start_header_id|>", "<|end_header_id|>",
           "<|eom_id|>", "<|eot_id|>", "<|python_tag|>"]
VOCAB = 2048
SPLIT = regex.compile(PATTERN)
SPLIT_SPECIAL = regex.compile("(" + "|".join(regex.escape(s) for s in SPECIAL) + ")")


def byte_chars():
    """The printable stand-ins for bytes that byte-level BPE files use."""
    keep = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    table, n = {}, 0
    for b in range(256):
        table[b] = chr(b) if b in keep else chr(256 + n)
        n += b not in keep
    return table


CHARS = byte_chars()
BYTES = {c: b for b, c in CHARS.items()}


def shown(raw):
    return "".join(CHARS[b] for b in raw)


def train(texts, n_base, least=3):
    """The tokens (bytes) in rank order: the 256 bytes, then the most frequent pair, again and again.

    `least`: a pair rarer than this is not worth a token. Pre-tokens with digits are left out, so digits stay single."""
    words = collections.Counter(p for t in texts for p in SPLIT.findall(t))
    words = [[[bytes([b]) for b in w.encode()], n] for w, n in words.items() if not any(c.isnumeric() for c in w)]
    tokens = [bytes([BYTES[c]]) for c in sorted(BYTES)]
    known, pairs, where = set(tokens), collections.Counter(), collections.defaultdict(set)

    def count(i, sign):
        parts, n = words[i]
        for pair in zip(parts, parts[1:]):
            pairs[pair] += sign * n
            where[pair].add(i)

    for i in range(len(words)):
        count(i, 1)
    while len(tokens) < n_base:
        best = max(pairs, key=lambda p: (pairs[p], p))
        if pairs[best] < least:
            raise SystemExit("too little text for %d tokens: %d" % (n_base, len(tokens)))
        merged = best[0] + best[1]
        if merged not in known:
            known.add(merged)
            tokens.append(merged)
        for i in where.pop(best):
            count(i, -1)
            parts, k = words[i][0], 0
            while k + 1 < len(parts):
                if (parts[k], parts[k + 1]) == best:
                    parts[k:k + 2] = [merged]
                k += 1
            count(i, 1)
        pairs.pop(best, None)
    return tokens


def merges_of(tokens):
    """Every split of a token into two tokens, in rank order, as the real files list them."""
    rank, out = {t: i for i, t in enumerate(tokens)}, []
    for t in tokens:
        halves = [(t[:i], t[i:]) for i in range(1, len(t)) if t[:i] in rank and t[i:] in rank]
        out += sorted(halves, key=lambda p: (rank[p[0]], rank[p[1]]))
    return out


def save(tokens, folder, chat_template):
    base = len(tokens)
    flags = dict(single_word=False, lstrip=False, rstrip=False, normalized=False, special=True)
    special = {base + i: c for i, c in enumerate(SPECIAL)}
    level = lambda a, o, u: dict(type="ByteLevel", add_prefix_space=a, trim_offsets=o, use_regex=u)
    piece = lambda kind, ident, ty=0: {kind: dict(id=ident, type_id=ty)}
    bos = SPECIAL[0]
    post = dict(type="TemplateProcessing", single=[piece("SpecialToken", bos), piece("Sequence", "A")],
                pair=[piece("SpecialToken", bos), piece("Sequence", "A"), piece("SpecialToken", bos, 1), piece("Sequence", "B", 1)],
                special_tokens={bos: dict(id=bos, ids=[base], tokens=[bos])})
    split = dict(type="Split", pattern=dict(Regex=PATTERN), behavior="Isolated", invert=False)
    model = dict(type="BPE", dropout=None, unk_token=None, continuing_subword_prefix=None, end_of_word_suffix=None, fuse_unk=False,
                 byte_fallback=False, ignore_merges=True, vocab={shown(t): i for i, t in enumerate(tokens)},
                 merges=[shown(a) + " " + shown(b) for a, b in merges_of(tokens)])
    added = [dict(id=i, content=c, **flags) for i, c in special.items()]
    tokenizer = dict(version="1.0", truncation=None, padding=None, added_tokens=added,
                     normalizer=None, pre_tokenizer=dict(type="Sequence", pretokenizers=[split, level(False, True, False)]),
                     post_processor=dict(type="Sequence", processors=[level(True, False, True), post]),
                     decoder=level(True, True, True), model=model)
    config = dict(added_tokens_decoder={str(i): dict(content=c, **flags) for i, c in special.items()}, bos_token=bos,
                  chat_template=chat_template,
                  clean_up_tokenization_spaces=False, eos_token="<|eot_id|>", model_input_names=["input_ids", "attention_mask"],
                  model_max_length=8192, pad_token="<|finetune_right_pad_id|>", tokenizer_class="PreTrainedTokenizerFast")
    one = lambda c: dict(content=c, lstrip=False, normalized=False, rstrip=False, single_word=False)
    marks = dict(bos_token=one(bos), eos_token=one("<|eot_id|>"), pad_token=one("<|finetune_right_pad_id|>"))
    for name, value in (("tokenizer.json", tokenizer), ("tokenizer_config.json", config), ("special_tokens_map.json", marks)):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
            f.write(json.dumps(value, ensure_ascii=False, indent=1) + "\n")


class Tokenizer:
    """encode() reads special tokens in the text as special: for our own text only, where nobody can smuggle one in."""

    def __init__(self, folder):
        data = json.load(open(os.path.join(folder, "tokenizer.json"), encoding="utf-8"))
        self.rank = {bytes(BYTES[c] for c in t): i for t, i in data["model"]["vocab"].items()}
        self.special = {t["content"]: t["id"] for t in data["added_tokens"]}
        self.raw = {i: t for t, i in self.rank.items()}
        self.cache = {}

    def word(self, word):
        if word not in self.cache:
            raw = word.encode()
            parts = [raw] if raw in self.rank else [bytes([b]) for b in raw]
            while len(parts) > 1:
                ranks = [self.rank.get(a + b, 1 << 30) for a, b in zip(parts, parts[1:])]
                k = min(range(len(ranks)), key=ranks.__getitem__)
                if ranks[k] == 1 << 30:
                    break
                parts[k:k + 2] = [parts[k] + parts[k + 1]]
            self.cache[word] = [self.rank[p] for p in parts]
        return self.cache[word]

    def encode(self, text):
        ids = []
        for piece in SPLIT_SPECIAL.split(text):
            if piece in self.special:
                ids.append(self.special[piece])
            else:
                for w in SPLIT.findall(piece):
                    ids += self.word(w)
        return ids

    def decode(self, ids):
        return b"".join(self.raw.get(i, b"") for i in ids).decode("utf-8", "replace")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    here = os.path.dirname(os.path.abspath(__file__))
    with open(sys.argv[1], encoding="utf-8") as f:
        tokens = train(f, VOCAB - len(SPECIAL))
    save(tokens, sys.argv[2], open(os.path.join(here, "chat_template.jinja")).read().rstrip("\n"))
