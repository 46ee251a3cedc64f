#include "config/options.h"

#include <nlohmann/json.hpp>
#include <utility>

namespace puna::config {
namespace {

// The part of the configuration that has the member.
template <typename Part>
constexpr auto PartOf() {
  if constexpr (std::is_same_v<Part, EngineConfig>) {
    return &Config::engine;
  } else {
    return &Config::server;
  }
}

template <auto kMember>
constexpr auto kPart = PartOf<typename Path<kMember>::Struct>();

template <auto kMember>
auto Integer(int min, int max) {
  return IntegerAt<kPart<kMember>, kMember>(min, max);
}
template <auto kMember>
auto Number(double min, double max) {
  return NumberAt<kPart<kMember>, kMember>(min, max);
}
template <auto kMember>
auto Switch() {
  return SwitchAt<kPart<kMember>, kMember>();
}
template <auto kMember>
auto Choice(std::vector<std::string> choices) {
  return ChoiceAt<kPart<kMember>, kMember>(std::move(choices));
}
template <auto kMember>
auto Text() {
  return TextAt<kPart<kMember>, kMember>();
}
template <auto kMember>
auto List() {
  return ListAt<kPart<kMember>, kMember>();
}

using E = EngineConfig;
using S = ServerConfig;

const OptionTable<Config>& Table() {
  static const OptionTable<Config> table = {{
      {"model", "Model", "MODEL",
       "hf:ORG/NAME[:QUANTISATION], ollama:NAME:TAG or oci://... by name; a folder from Hugging Face or Meta, a .gguf "
       "file, or random:llama-3.2-3b for random weights; empty: the small built-in demo model",
       Text<&E::model>(), Option::Use::kFlagOrArgument},
      {"offline", "Model", "", "take models by name from this machine alone and ask no hub, as HF_HUB_OFFLINE=1 does",
       Switch<&E::offline>()},
      {"served_model_name", "Model", "NAME",
       "names under which clients ask for it, separated by commas, the first is in answers; empty: "
       "the folder's name",
       List<&S::served_model_names>()},
      {"weights", "Model", "FORMAT",
       "how weights are kept: bf16 is exact, w8a8 and w4a8 are smaller and faster; auto: each "
       "matrix as its file has it",
       Choice<&E::weights>({"auto", "bf16", "w8a8", "w4a8"})},
      {"max_model_len", "Model", "TOKENS", "prompt and answer together; 0: what the model and the memory allow",
       Integer<&E::max_model_len>(0, 1 << 24)},
      {"chat_template_file", "Model", "FILE", "Jinja template in place of the checkpoint's own",
       Text<&S::chat_template_file>()},

      {"threads", "Engine", "N",
       "cores that compute; 0: all that the container may use, without the little ones of a processor with big and "
       "little cores",
       Integer<&E::threads>(0, 1024)},
      {"max_num_seqs", "Engine", "N", "sequences computed side by side", Integer<&E::max_num_seqs>(1, 1024)},
      {"max_num_batched_tokens", "Engine", "N", "tokens computed in one step",
       Integer<&E::max_num_batched_tokens>(16, 65536)},
      {"max_waiting", "Engine", "N",
       "requests that may wait in line; one more gets 429; a quarter more for those who have less than an equal part",
       Integer<&E::max_waiting>(0, 100000)},
      {"kv_cache_gib", "Engine", "GIB", "memory of the KV cache; 0: from the memory that is left",
       Number<&E::kv_cache_gib>(0, 65536)},
      {"kv_cache_dtype", "Engine", "TYPE", "number format of the KV cache",
       Choice<&E::kv_cache_dtype>({"auto", "bf16", "int8"})},
      {"prefix_caching", "Engine", "", "keep the KV cache of prompts that may come again",
       Switch<&E::prefix_caching>()},
      {"kv_disk_path", "Engine", "FOLDER",
       "folder in which the KV cache of prompts survives restarts, and which servers of the same model may share; its "
       "files "
       "hold what was asked, readable by this user alone; empty: memory only",
       Text<&E::kv_disk_path>()},
      {"kv_disk_gib", "Engine", "GIB", "most that this folder may hold, whoever wrote it",
       Number<&E::kv_disk_gib>(0.001, 65536)},
      {"itl_target_ms", "Engine", "MS",
       "longest pause between tokens while prompts arrive; -1: 2.4 times the pause without; 0: none, "
       "throughput first",
       Number<&E::itl_target_ms>(-1, 60000)},
      {"speculation", "Engine", "", "guess repeated text and verify it; the output stays the same",
       Switch<&E::speculation>()},
      {"draft_model", "Engine", "MODEL",
       "a small Llama of the same vocabulary, plain or PARD, that guesses ahead: a folder, a .gguf file or a name; the "
       "output stays the same; off: none; empty: none, but the demo model has one of its own",
       Text<&E::draft_model>()},
      {"draft_window", "Engine", "TOKENS",
       "of a prompt of which the draft model has not computed more than this, it reads only so many tokens; 0: all of "
       "it",
       Integer<&E::draft_window>(0, 8192)},
      {"remembered_tokens", "Engine", "TOKENS",
       "tokens of finished answers that are kept to guess from (about 14 bytes each), those of each cache_salt apart; "
       "0: "
       "none",
       Integer<&E::remembered_tokens>(0, 1 << 30)},
      {"share_answers", "Engine", "",
       "guess from everybody's answers: how fast an answer comes then tells whether somebody got it before",
       Switch<&E::share_answers>()},
      {"isa", "Engine", "SET", "instruction set of the kernels, for tests and comparisons",
       Choice<&E::isa>({"auto", "avx512bf16", "avx512", "avx2vnni", "avx2", "i8mm", "dotprod", "neon", "scalar"})},

      {"host", "Network", "ADDRESS",
       "address to listen on; 0.0.0.0 for all, then set an API key; unix:PATH for a Unix socket", Text<&S::host>()},
      {"port", "Network", "PORT", "port to listen on; 0: any free one, printed at start", Integer<&S::port>(0, 65535)},
      {"path_prefix", "Network", "PATH",
       "path under which everything is answered, as in /llm behind a proxy that leaves it on; /health and /metrics are "
       "answered without it, too",
       Text<&S::path_prefix>()},
      {"metrics_port", "Network", "PORT",
       "second port that answers /health and /metrics alone, without a key, whatever the first one "
       "is busy with; 0: none",
       Integer<&S::metrics_port>(0, 65535)},
      {"metrics_names", "Network", "NAMES",
       "names in /metrics: puna_... by Prometheus' rules, or vLLM's own where it has the figure, for its boards and "
       "for inference "
       "gateways",
       Choice<&S::metrics_names>({"puna", "vllm"})},
      {"ui", "Network", "", "the page at /, for people who open the address in a browser", Switch<&S::ui>()},
      {"ollama_api", "Network", "", "answer Ollama's API, too: what lies under /api, and its name at /",
       Switch<&S::ollama_api>()},
      {"max_connections", "Network", "N", "connections held at once; each stream holds one",
       Integer<&S::max_connections>(1, 65536)},
      {"max_body_mib", "Network", "MIB", "largest request body", Integer<&S::max_body_mib>(1, 4096)},
      {"max_request_memory_mib", "Network", "MIB",
       "memory for all requests together: bodies, what is made of them, answers that slow clients have not taken; 0: a "
       "sixteenth of the "
       "memory limit, within 128 MiB and 2 GiB",
       Integer<&S::max_request_memory_mib>(0, 1 << 20)},
      {"request_timeout_s", "Network", "SECONDS", "longest time for one request; 0: no limit",
       Integer<&S::request_timeout_s>(0, 86400)},
      {"keep_alive_timeout_s", "Network", "SECONDS",
       "how long an idle connection stays open; longer than a proxy's own",
       Integer<&S::keep_alive_timeout_s>(1, 86400)},
      {"keep_alive_comment_s", "Network", "SECONDS",
       "pause between the signs of life (comments, pings) in a stream while its prompt is computed; 0: none",
       Integer<&S::keep_alive_comment_s>(0, 3600)},
      {"drain_timeout_s", "Network", "SECONDS", "time that running requests get to finish after SIGTERM",
       Integer<&S::drain_timeout_s>(0, 3600)},
      {"drain_delay_s", "Network", "SECONDS",
       "time after SIGTERM in which /health/ready says no and requests are still taken, until whoever spreads them has "
       "noticed",
       Integer<&S::drain_delay_s>(0, 3600)},
      {"hang_timeout_s", "Network", "SECONDS",
       "an engine without a sign of life for so long is reported as hanging by /health and the log",
       Integer<&S::hang_timeout_s>(1, 86400)},

      {"api_key", "Security", "KEY",
       "keys that clients may use, separated by commas; empty: no key is asked for (a file keeps "
       "it out of ps)",
       List<&S::api_keys>()},
      {"api_key_file", "Security", "FILE", "file with keys, one a line, as Docker secrets have it",
       Text<&S::api_key_file>()},
      {"keys_file", "Security", "FILE",
       "JSON file with named keys, each with its limits: requests and tokens a minute, streams, its share of the "
       "engine; read again "
       "on SIGHUP",
       Text<&S::keys_file>()},
      {"cache_salt_by_key", "Security", "",
       "divide the prefix cache by key, so that nobody can tell by the time what others asked; keys_file can say so "
       "for one",
       Switch<&S::cache_salt_by_key>()},
      {"cors_origin", "Security", "ORIGIN", "web origins that may call from a browser, separated by commas; * for any",
       List<&S::cors_origins>()},
      {"allowed_host", "Security", "NAME",
       "names by which clients without a key may call, separated by commas, beside localhost and addresses; * for any",
       List<&S::allowed_hosts>()},
      {"trusted_proxies", "Security", "NETWORKS",
       "proxies whose X-Forwarded-For or Forwarded says who the client is: addresses, networks such as 10.0.0.0/8, or "
       "unix, separated "
       "by commas",
       List<&S::trusted_proxies>()},
      {"tls_cert_file", "Security", "FILE", "certificate chain (PEM); together with tls_key_file it turns on HTTPS",
       Text<&S::tls_cert_file>()},
      {"tls_key_file", "Security", "FILE", "private key (PEM)", Text<&S::tls_key_file>()},

      {"responses_path", "Storage", "FOLDER",
       "folder in which stored responses survive restarts, and which servers may share; its files hold what was asked "
       "and answered, readable by this user alone; empty: memory only",
       Text<&S::responses_path>()},
      {"responses_days", "Storage", "DAYS", "how long a stored response is kept; 0: for as long as there is room",
       Number<&S::responses_days>(0, 36500)},
      {"responses_mib", "Storage", "MIB",
       "most that stored responses may take, the least recently used go first; 0: 1024 in a folder, 64 in memory",
       Integer<&S::responses_mib>(0, 1 << 24)},
      {"max_responses", "Storage", "N", "most responses that are stored; 0: 100000 in a folder, 1024 in memory",
       Integer<&S::max_responses>(0, 1 << 30)},

      {"power_watts", "Energy", "WATTS",
       "what the machine draws at work, for usage.energy; 0: measured where the processor's counters "
       "(RAPL) can be read, else 10 W a core",
       Number<&S::power_watts>(0, 100000)},
      {"idle_watts", "Energy", "WATTS", "what it draws at rest; 0: a fifth of that", Number<&S::idle_watts>(0, 100000)},
      {"pue", "Energy", "FACTOR", "power usage effectiveness: what the site draws for each watt of its machines",
       Number<&S::pue>(1, 10)},
      {"carbon_intensity", "Energy", "GRAMS",
       "grams of CO2e for a kWh of the local electricity (475: the world's average)",
       Number<&S::carbon_intensity>(0, 5000)},

      {"log_level", "Logging", "LEVEL", "least important line that is written",
       Choice<&S::log_level>({"trace", "debug", "info", "warn", "error", "off"})},
      {"log_format", "Logging", "FORMAT", "text for people, json for collectors",
       Choice<&S::log_format>({"text", "json"})},
  }};
  return table;
}

}  // namespace

OptionSet ServeOptions() { return Table().set(); }

std::span<const Option> Options() { return Table().rows(); }

const Option* FindByKey(std::string_view key) {
  for (const Option& option : Options())
    if (option.key == key) return &option;
  return nullptr;
}

const Option* FindByFlag(std::string_view flag) { return FindByFlag(Options(), flag); }

void SetFromText(const Option& option, Config& config, const std::string& text, const std::string& where) {
  SetOptionText(option, &config, text, where);
}

void SetFromJson(const Option& option, Config& config, const nlohmann::json& value, const std::string& where) {
  SetOptionJson(option, &config, value, where);
}

nlohmann::ordered_json GetAsJson(const Option& option, const Config& config) { return GetOption(option, &config); }

nlohmann::ordered_json ToJson(const Config& config) {
  nlohmann::ordered_json all = nlohmann::ordered_json::object();
  for (const Option& option : Options()) all[std::string(option.key)] = GetAsJson(option, config);
  return all;
}

}  // namespace puna::config
