"""A Llama model in plain torch: RMSNorm, rotary embedding, grouped-query attention, SwiGLU, tied head.

Weights live in one dictionary with Hugging Face's tensor names; save() and load() read and write safetensors by hand.
"""
import json
import math
import struct

import torch
import torch.nn.functional as F

CONFIG = dict(architectures=["LlamaForCausalLM"], model_type="llama", vocab_size=2048, hidden_size=256, intermediate_size=512,
              num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2, head_dim=64, hidden_act="silu", rms_norm_eps=1e-5,
              rope_theta=10000.0, rope_scaling=None, max_position_embeddings=8192, tie_word_embeddings=True, attention_bias=False,
              mlp_bias=False, attention_dropout=0.0, initializer_range=0.02, bos_token_id=2037, eos_token_id=[2038, 2045, 2046],
              pad_token_id=2041, torch_dtype="bfloat16", use_cache=True, transformers_version="4.45.0")


def shapes(c):
    h, f, d = c["hidden_size"], c["intermediate_size"], c["head_dim"]
    q, kv = c["num_attention_heads"] * d, c["num_key_value_heads"] * d
    out = {"model.embed_tokens.weight": (c["vocab_size"], h)}
    for i in range(c["num_hidden_layers"]):
        p = "model.layers.%d." % i
        out.update({p + "input_layernorm.weight": (h,), p + "self_attn.q_proj.weight": (q, h),
                    p + "self_attn.k_proj.weight": (kv, h),
                    p + "self_attn.v_proj.weight": (kv, h), p + "self_attn.o_proj.weight": (h, q),
                    p + "post_attention_layernorm.weight": (h,),
                    p + "mlp.gate_proj.weight": (f, h), p + "mlp.up_proj.weight": (f, h), p + "mlp.down_proj.weight": (h, f)})
    out["model.norm.weight"] = (h,)
    return out


def init(c, seed):
    g = torch.Generator().manual_seed(seed)
    w = {}
    for name, shape in shapes(c).items():
        if len(shape) == 1:
            w[name] = torch.ones(shape)
        else:
            # Outputs into the residual stream start small so that depth does not blow it up.
            scale = 0.02 if "embed" in name else 0.5 / math.sqrt(shape[1]) * (0.3 if "o_proj" in name or "down_proj" in name else 1)
            w[name] = torch.randn(shape, generator=g) * scale
    return w


def rope_table(c, n):
    d = c["head_dim"]
    inv = c["rope_theta"] ** (-torch.arange(0, d, 2, dtype=torch.float64) / d)
    angle = torch.arange(n, dtype=torch.float64)[:, None] * inv
    angle = torch.cat([angle, angle], 1)
    return angle.cos().float(), angle.sin().float()


def norm(x, weight, eps):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps) * weight


def rotate(x, cos, sin):
    a, b = x.chunk(2, -1)
    return x * cos + torch.cat([-b, a], -1) * sin


def attention(w, p, c, x, cos, sin, mask, cache):
    b, t, _ = x.shape
    n, g, d = c["num_attention_heads"], c["num_key_value_heads"], c["head_dim"]
    q, k, v = (F.linear(x, w[p + s + "_proj.weight"]).view(b, t, -1, d).transpose(1, 2) for s in "qkv")
    q, k = rotate(q, cos, sin), rotate(k, cos, sin)
    if cache is not None:
        if p in cache:
            k, v = torch.cat([cache[p][0], k], 2), torch.cat([cache[p][1], v], 2)
        cache[p] = (k, v)
    # The query heads that share a KV head are folded into the rows of one product.
    s = k.shape[2]
    q = q.reshape(b, g, (n // g) * t, d)
    score = (q @ k.transpose(2, 3)).view(b, g, n // g, t, s) * (1 / math.sqrt(d)) + mask
    y = (score.softmax(-1).to(v.dtype).view(b, g, -1, s) @ v).view(b, n, t, d)
    return F.linear(y.transpose(1, 2).reshape(b, t, n * d), w[p + "o_proj.weight"])


def forward(w, c, ids, table, mask, positions=None, cache=None):
    """The final hidden states, after the last norm. positions: [batch, T] where rows do not start at 0; mask is added to the
    scores."""
    cos, sin = table
    if positions is None:
        cos, sin = cos[:ids.shape[1]], sin[:ids.shape[1]]
    else:
        cos, sin = cos[positions][:, None], sin[positions][:, None]
    x, eps = F.embedding(ids, w["model.embed_tokens.weight"]), c["rms_norm_eps"]
    for i in range(c["num_hidden_layers"]):
        p = "model.layers.%d." % i
        x = x + attention(w, p + "self_attn.", c, norm(x, w[p + "input_layernorm.weight"], eps), cos, sin, mask, cache)
        y = norm(x, w[p + "post_attention_layernorm.weight"], eps)
        y = F.silu(F.linear(y, w[p + "mlp.gate_proj.weight"])) * F.linear(y, w[p + "mlp.up_proj.weight"])
        x = x + F.linear(y, w[p + "mlp.down_proj.weight"])
    return norm(x, w["model.norm.weight"], eps)


def causal(t):
    return torch.full((t, t), -1e9).triu(1)


@torch.no_grad()
def greedy(w, c, prompts, limit, stops):
    """Continues a batch of id lists greedily: rows are padded on the left, and the padding is masked away."""
    n = max(map(len, prompts))
    pad = torch.tensor([n - len(p) for p in prompts])
    ids = torch.tensor([[0] * (n - len(p)) + p for p in prompts])
    table, cache, out = rope_table(c, n + limit), {}, [[] for _ in prompts]
    hidden_keys = torch.where(torch.arange(n + limit)[None] < pad[:, None], -1e9, 0.0)[:, None, None, None]
    mask = hidden_keys[..., :n] + causal(n)
    done = torch.zeros(len(prompts), dtype=torch.bool)
    for step in range(limit):
        t = ids.shape[1]
        last = n + step
        positions = (torch.arange(last - t, last)[None] - pad[:, None]).clamp(min=0)
        h = forward(w, c, ids, table, mask, positions, cache)
        nxt = (h[:, -1] @ w["model.embed_tokens.weight"].T).argmax(-1)
        for row, token in enumerate(nxt.tolist()):
            if not done[row]:
                done[row] = token in stops
                out[row] += [] if done[row] else [token]
        if done.all():
            break
        ids, mask = nxt[:, None], hidden_keys[..., :last + 1]
    return out


def save(w, path):
    """bf16 safetensors: 8 bytes of header length, a JSON header padded to 8 bytes, then the tensors end to end."""
    head, blobs, at = {"__metadata__": {"format": "pt"}}, [], 0
    for name in sorted(w):
        raw = w[name].detach().to(torch.bfloat16).contiguous().view(torch.int16).numpy().tobytes()
        head[name] = {"dtype": "BF16", "shape": list(w[name].shape), "data_offsets": [at, at + len(raw)]}
        blobs.append(raw)
        at += len(raw)
    text = json.dumps(head, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def load(path):
    """The weights as float32, with exactly the values of the bf16 file."""
    raw = open(path, "rb").read()
    n, = struct.unpack("<Q", raw[:8])
    w = {}
    for name, e in json.loads(raw[8:8 + n]).items():
        if name != "__metadata__":
            a, b = e["data_offsets"]
            part = torch.frombuffer(bytearray(raw[8 + n + a:8 + n + b]), dtype=torch.int16)
            w[name] = part.view(torch.bfloat16).view(e["shape"]).float()
    return w
