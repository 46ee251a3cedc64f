"""The rooms of the tree and what each may touch: the tables of layering.py."""

# Room -> the rooms, or single headers, of ours that it may include besides itself. Lowest floor first; nothing includes
# upwards.
_CHECKPOINT = {"engine/checkpoint/files", "engine/checkpoint/config", "engine/checkpoint/sources"}
ALLOWED = {
    "config": set(),
    "engine/text": set(),  # characters: UTF-8, one Unicode version, JSON quoting; all of the engine that api/ sees
    "api/json": {"engine/text"},  # a body's bytes to values, and the error that says what is wrong with them
    "api/template": {"engine/text"},  # Jinja
    "api/fields": {"api/json", "engine/text"},  # what the endpoints' bodies have in common
    "api/tool_calls": {"api/json", "api/fields", "engine/text"},  # calls in the text that a model writes
    "api/endpoints": {"api/json", "api/fields", "api/tool_calls", "engine/text"},  # a request to its struct, an answer to JSON
    "engine/base": set(),
    "engine/kernels": {"engine/base"},
    "engine/request": {"engine/base"},
    "engine/kv_cache": {"engine/base"},
    "engine/kv_disk": {"engine/base", "engine/kv_cache"},
    "engine/tokenizer": {"engine/base", "engine/text"},
    "engine/grammar/automata": {"engine/base", "engine/text"},
    "engine/grammar/regex": {"engine/base", "engine/text", "engine/grammar/automata"},
    "engine/grammar/schema": {"engine/base", "engine/text", "engine/grammar/automata", "engine/grammar/regex"},
    "engine/grammar/masks": {"engine/base", "engine/grammar/automata", "engine/request", "engine/tokenizer"},
    "engine/grammar": {
        "engine/base", "engine/grammar/automata", "engine/grammar/masks", "engine/grammar/regex", "engine/grammar/schema",
        "engine/request", "engine/text", "engine/tokenizer",
    },
    "engine/checkpoint/files": {"engine/base", "engine/kernels"},
    "engine/checkpoint/config": {"engine/base", "engine/checkpoint/files"},
    "engine/checkpoint/sources": {
        "engine/base", "engine/kernels", "engine/checkpoint/files", "engine/checkpoint/config",
    },
    "engine/checkpoint/hf": {"engine/base", *_CHECKPOINT},
    "engine/checkpoint/gguf": {"engine/base", "engine/kernels", *_CHECKPOINT},
    "engine/checkpoint/meta": {"engine/base", *_CHECKPOINT},
    "engine/checkpoint/packed": {"engine/base", *_CHECKPOINT},
    "engine/checkpoint": {
        "engine/base", *_CHECKPOINT, "engine/checkpoint/hf", "engine/checkpoint/gguf", "engine/checkpoint/meta",
    },
    "engine/layers": {"engine/base", "engine/kernels", "engine/checkpoint/sources"},
    "engine/sampling": {"engine/base", "engine/kernels", "engine/request"},
    "engine/model": {
        "engine/base", "engine/checkpoint/config", "engine/checkpoint/files", "engine/checkpoint/packed",
        "engine/checkpoint/sources", "engine/kernels", "engine/kv_cache", "engine/layers",
    },
    "engine/quantize": {
        "engine/base", "engine/kernels", *_CHECKPOINT, "engine/kv_cache", "engine/layers", "engine/model",
    },
    "engine/scheduler": {"engine/base", "engine/kv_cache", "engine/request"},  # never the model, never tensors
    "engine/demo": {"engine/base"},
    "engine": {
        "config", "engine/base", "engine/kv_cache", "engine/kv_disk", "engine/model", "engine/request",
        "engine/sampling", "engine/scheduler",
    },
    "server/host": {  # process and machine: log, signals, limits, energy, progress
        "config", "engine", "engine/base/mapped_range.h", "engine/base/mutex.h",
    },
    "server/store": {  # what outlives its request
        "api/endpoints", "api/fields", "api/json", "engine/base/mutex.h", "engine/text", "server/host",
    },
    "server/hub": {"config", "engine/checkpoint/gguf", "server/host"},  # models by name: hubs, caches, downloads
    "server/http": {  # sockets, routes, keys; knows no endpoint
        "config", "api/fields", "api/json", "engine/base/mutex.h", "server/host",
    },
    "server/model": {  # from the operator's choice to a loaded model with its text side
        "api/fields", "api/json", "api/template", "api/tool_calls", "config", "engine", "engine/base",
        "engine/checkpoint", "engine/checkpoint/config", "engine/checkpoint/files", "engine/checkpoint/gguf",
        "engine/checkpoint/packed", "engine/checkpoint/sources", "engine/demo", "engine/layers/weight_format.h",
        "engine/model", "engine/tokenizer", "server/host",
        "engine/kv_cache/block_id.h",  # the unit in which the operator's memory is given out
        "engine/kv_disk",
    },
    "server/generate": {  # from a read request to the engine, and from token events to text
        "api/endpoints", "api/fields", "api/json", "api/template/prompt_piece.h", "api/tool_calls", "config",
        "engine", "engine/base", "engine/checkpoint/config", "engine/grammar",
        "engine/grammar/automata", "engine/grammar/masks", "engine/request", "engine/text", "engine/tokenizer", "server/host",
        "server/http", "server/model", "server/store",
    },
    "server/endpoints": {  # one handler each: wire to generate and back
        "api/endpoints", "api/fields", "api/json", "api/tool_calls", "config", "engine/base/token_id.h",
        "engine/request", "server/generate", "server/host/log.h", "server/host/version.h", "server/http", "server/store",
    },
    "server/operate": {  # what operators look at: probes, metrics, the listener that answers them
        "config", "api/json", "engine", "engine/base/mutex.h", "engine/kv_cache/block_id.h",
        "engine/kv_cache/prefix_miss.h", "engine/kv_disk/disk_stats.h", "engine/request/guess_source.h", "engine/request/waits.h",
        "server/generate", "server/host", "server/http",
    },
    "server/page": {"api/json", "server/http"},  # the page for browsers, and how it is sent
    "server/convert": {  # quantize, pack
        "config", "engine/base", "engine/checkpoint", "engine/checkpoint/config", "engine/checkpoint/files",
        "engine/checkpoint/packed", "engine/checkpoint/sources", "engine/kv_cache/block_id.h",
        "engine/layers/weight_format.h", "engine/model", "engine/quantize", "engine/tokenizer", "server/host", "server/hub",
        "server/model",
    },
    "server/bench": {  # puna bench, in process and over HTTP; puna replay
        "api/endpoints", "api/fields/message.h", "api/template/prompt_piece.h", "config", "engine", "engine/base",
        "engine/checkpoint", "engine/checkpoint/config",
        "engine/layers/kernel_rates.h",
        "engine/checkpoint/files", "engine/checkpoint/sources", "engine/demo", "engine/grammar",
        "engine/grammar/masks", "engine/kv_cache/block_id.h", "engine/kv_cache/block_table.h",
        "engine/layers/machine_peaks.h", "engine/layers/matmul_peak.h", "engine/layers/weight_format.h", "engine/model",
        "engine/quantize", "engine/request", "engine/scheduler", "engine/tokenizer",
        "server/convert", "server/host", "server/hub", "server/http", "server/model",
        "server/operate",
    },
    "server/chat": {"config", "server/bench"},  # puna chat
    "server/commands": {  # serve, plan, healthcheck, pull and its like, and the help texts
        "config", "engine", "engine/base/content_hash.h", "engine/checkpoint/files", "engine/kv_cache/block_id.h",
        "engine/kv_disk", "engine/tokenizer", "server/endpoints", "server/generate", "server/host", "server/hub",
        "server/http", "server/model", "server/operate", "server/page", "server/store",
    },
    "server": {"api/fields", "config", "server/bench", "server/chat", "server/commands", "server/convert", "server/host"},  # main
}

# Start of an outside header's name -> the rooms that may see it. Tests may see everything.
FENCED = {
    "httplib": {"server/http", "server/bench", "server/chat", "server/commands"},
    "openssl/": {"server/http", "server/hub", "server/store"},
    "curl/": {"server/hub"},
    "zlib": {"server/http"},
    "zstd": {"server/http", "server/store"},
    "sqlite3": {"server/store"},
    "brotli/": {"server/http"},
    "spdlog/": {"server/host"},
    "prometheus/": {"server/operate"},
    "histedit": {"server/chat"},
    "xxhash": {"engine/base"},
    "oneapi/": {"engine/layers"},
    "dnnl": {"engine/layers"},
    "nlohmann/": {
        "config", "api/json", "api/template", "api/fields", "api/tool_calls", "api/endpoints", "engine/tokenizer",
        "engine/grammar/schema", "engine/checkpoint/files", "engine/checkpoint/config", "engine/checkpoint/packed",
        "server/host", "server/hub", "server/http", "server/model", "server/generate", "server/endpoints",
        "server/operate", "server/convert", "server/bench", "server/chat",
    },
    "doctest/": set(),
}

# The headers of a room that other rooms may include. A room that is not here is all door.
DOORS = {
    "api/template": {"chat_template.h", "json_value.h", "normalise_messages.h", "prompt_piece.h"},
    "api/tool_calls": {"tool_call_parser.h", "tool_format.h"},
    "engine": {"energy_meter.h", "engine.h", "engine_view.h", "histogram.h", "stats.h"},
    "engine/checkpoint": {"open_checkpoint.h"},
    "engine/checkpoint/gguf": {"gguf_checkpoint.h", "gguf_file.h", "gguf_names.h"},
    "engine/checkpoint/hf": {"hf_checkpoint.h"},
    "engine/checkpoint/meta": {"meta_checkpoint.h"},
    "engine/checkpoint/packed": {"packed_file.h"},
    "engine/grammar": {"benchmark.h", "compile.h"},
    "engine/grammar/regex": {"dfa.h", "regex.h"},
    "engine/grammar/schema": {"json_nodes.h", "schema_compiler.h"},
    "engine/kv_cache": {
        "block_hash.h", "block_id.h", "block_pool.h", "block_table.h", "block_use.h", "keep_queue.h", "kv_load.h", "kv_tier.h",
        "prefix_miss.h",
    },
    "engine/kv_disk": {"disk_cache.h", "disk_folder.h", "disk_stats.h", "folder_key.h", "folder_report.h", "posix_folder.h"},
    "engine/quantize": {"planted_outliers.h", "quantize_checkpoint.h"},
    "engine/sampling": {"sampler.h"},
    "engine/scheduler": {"batch_plan.h", "drafter.h", "ngram_proposer.h", "scheduler.h"},
    "engine/tokenizer": {"benchmark.h", "detokenizer.h", "pretokenize.h", "tokenizer.h"},
    "server/bench": {"bench.h", "replay.h", "sse_parser.h"},
    "server/chat": {"chat.h"},
    "server/convert": {"pack.h", "quantize.h"},
    "server/operate": {"engine_window.h", "listener.h", "probes.h"},
    "server/store": {"conversation_rows.h", "event_log.h", "response_rows.h", "response_store.h", "running_responses.h", "seal.h"},
}

# What a function is called that belongs in one place, wherever it is declared -> that place.
ONE_HOME = {
    r"Percentile|Quantile|Median": "engine/base/percentile.h",
    r"HalfToFloat|FloatToHalf|Float16To\w+|\w+ToFloat16": "engine/base/float16.h",
}

# Words that the code does without -> the files that may have them, and why nobody else.
FORBIDDEN = {
    "const_cast": (
        {"engine/checkpoint/files/mapped_file.cc"},  # munmap takes its memory as void*
        "whoever may change a thing is given it to change; state that a shared object keeps for itself is mutable",
    ),
    "std::(mutex|lock_guard|unique_lock|scoped_lock|condition_variable)": (
        {"engine/base/mutex.h"},
        "take Mutex, MutexLock and Condition of engine/base/mutex.h, and PUNA_GUARDED_BY: clang checks them",
    ),
    "DetectIsa": (
        {  # the last two measure what the machine could do, whatever it was told to
            "engine/base/cpu_features.cc", "engine/base/cpu_features.h", "engine/base/cpu_features_arm64.cc",
            "engine/base/cpu_features_x86.cc", "engine/layers/machine_peaks.cc",
            "engine/layers/matmul_peak_x86.cc",
        },
        "take the set that the operator chose (LlamaOptions, Model::isa): --isa holds everywhere",
    ),
    "thread_local": (set(), "what a function needs it is given"),
}
