#include "config/options.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

namespace puna::config {
namespace {

// The part of the configuration, const or not, that has the member.
template <typename Part, typename AnyConfig>
auto& PartOf(AnyConfig& config) {
  if constexpr (std::is_same_v<Part, EngineConfig>) {
    return config.engine;
  } else {
    return config.server;
  }
}

template <auto kMember, typename Part, typename T>
Field<T> MakeField(T Part::*) {
  return {[](Config& config) -> T& { return PartOf<Part>(config).*kMember; },
          [](const Config& config) -> const T& { return PartOf<Part>(config).*kMember; }};
}

// MakeField<&ServerConfig::port> is config.server.port.
template <auto kMember>
auto MakeField() {
  return MakeField<kMember>(kMember);
}

template <auto kMember>
OptionType Integer(int min, int max) {
  return IntegerOption{MakeField<kMember>(), min, max};
}
template <auto kMember>
OptionType Number(double min, double max) {
  return NumberOption{MakeField<kMember>(), min, max};
}
template <auto kMember>
OptionType Switch() {
  return SwitchOption{MakeField<kMember>()};
}
template <auto kMember>
OptionType Choice(std::vector<std::string> choices) {
  return ChoiceOption{MakeField<kMember>(), std::move(choices)};
}
template <auto kMember>
OptionType Text() {
  return TextOption{MakeField<kMember>()};
}
template <auto kMember>
OptionType List() {
  return ListOption{MakeField<kMember>()};
}

using E = EngineConfig;
using S = ServerConfig;

const std::vector<Option>& Table() {
  static const std::vector<Option> table = {
      {"model", "Model", "MODEL",
       "folder from Hugging Face or Meta, .gguf file, or "
       "random:llama-3.2-3b for random weights; empty: the small built-in demo model",
       Text<&E::model>()},
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
      {"max_waiting", "Engine", "N", "requests that may wait in line; one more gets 429",
       Integer<&E::max_waiting>(0, 100000)},
      {"kv_cache_gib", "Engine", "GIB", "memory of the KV cache; 0: from the memory that is left",
       Number<&E::kv_cache_gib>(0, 65536)},
      {"kv_cache_dtype", "Engine", "TYPE", "number format of the KV cache",
       Choice<&E::kv_cache_dtype>({"auto", "bf16", "int8"})},
      {"prefix_caching", "Engine", "", "keep the KV cache of prompts that may come again",
       Switch<&E::prefix_caching>()},
      {"itl_target_ms", "Engine", "MS",
       "longest pause between tokens while prompts arrive; -1: 2.4 times the pause without; 0: none, "
       "throughput first",
       Number<&E::itl_target_ms>(-1, 60000)},
      {"speculation", "Engine", "", "guess repeated text and verify it; the output stays the same",
       Switch<&E::speculation>()},
      {"isa", "Engine", "SET", "instruction set of the kernels, for tests and comparisons",
       Choice<&E::isa>({"auto", "avx512bf16", "avx512", "avx2vnni", "avx2", "i8mm", "dotprod", "neon", "scalar"})},

      {"host", "Network", "ADDRESS", "address to listen on; 0.0.0.0 for all, then set an API key", Text<&S::host>()},
      {"port", "Network", "PORT", "port to listen on; 0: any free one, printed at start", Integer<&S::port>(0, 65535)},
      {"metrics_port", "Network", "PORT",
       "second port that answers /health and /metrics alone, without a key, whatever the first one "
       "is busy with; 0: none",
       Integer<&S::metrics_port>(0, 65535)},
      {"max_connections", "Network", "N", "connections held at once; each stream holds one",
       Integer<&S::max_connections>(1, 65536)},
      {"max_body_mib", "Network", "MIB", "largest request body", Integer<&S::max_body_mib>(1, 4096)},
      {"request_timeout_s", "Network", "SECONDS", "longest time for one request; 0: no limit",
       Integer<&S::request_timeout_s>(0, 86400)},
      {"keep_alive_timeout_s", "Network", "SECONDS",
       "how long an idle connection stays open; longer than a proxy's own",
       Integer<&S::keep_alive_timeout_s>(1, 86400)},
      {"keep_alive_comment_s", "Network", "SECONDS",
       "pause between the comments that keep a stream open while its prompt is computed; 0: none",
       Integer<&S::keep_alive_comment_s>(0, 3600)},
      {"drain_timeout_s", "Network", "SECONDS", "time that running requests get to finish after SIGTERM",
       Integer<&S::drain_timeout_s>(0, 3600)},
      {"hang_timeout_s", "Network", "SECONDS",
       "an engine without a sign of life for so long is reported as hanging by /health and the log",
       Integer<&S::hang_timeout_s>(1, 86400)},

      {"api_key", "Security", "KEY",
       "keys that clients may use, separated by commas; empty: no key is asked for (a file keeps "
       "it out of ps)",
       List<&S::api_keys>()},
      {"api_key_file", "Security", "FILE", "file with keys, one a line, as Docker secrets have it",
       Text<&S::api_key_file>()},
      {"cors_origin", "Security", "ORIGIN", "web origins that may call from a browser, separated by commas; * for any",
       List<&S::cors_origins>()},
      {"allowed_host", "Security", "NAME",
       "names by which clients without a key may call, separated by commas, beside localhost and addresses; * for any",
       List<&S::allowed_hosts>()},
      {"tls_cert_file", "Security", "FILE", "certificate chain (PEM); together with tls_key_file it turns on HTTPS",
       Text<&S::tls_cert_file>()},
      {"tls_key_file", "Security", "FILE", "private key (PEM)", Text<&S::tls_key_file>()},

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
  };
  return table;
}

std::string Join(const std::vector<std::string>& parts, const std::string& separator) {
  std::string joined;
  for (const std::string& part : parts) joined += (joined.empty() ? "" : separator) + part;
  return joined;
}

// Shortest decimal that reads back the same.
std::string Print(double x) {
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, x, std::chars_format::fixed).ptr;
  return std::string(buffer, end);
}

[[noreturn]] void Refuse(const Option& option, const std::string& found, const std::string& where) {
  const std::string clue = found.rfind("tcp://", 0) == 0
                               ? " (Kubernetes sets such variables for a service named puna: set "
                                 "enableServiceLinks: false)"
                               : "";
  throw ConfigError(where + ": found \"" + found + "\", expected " + option.range() + clue);
}

template <typename T>
std::optional<T> Parse(const std::string& text) {
  T value{};
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  if (text.empty() || result.ec != std::errc() || result.ptr != end) return std::nullopt;
  return value;
}

std::optional<bool> ParseSwitch(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  for (const char* yes : {"true", "1", "on", "yes"})
    if (text == yes) return true;
  for (const char* no : {"false", "0", "off", "no"})
    if (text == no) return false;
  return std::nullopt;
}

std::string Trimmed(const std::string& text) {
  const size_t begin = text.find_first_not_of(" \t");
  return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(" \t") + 1 - begin);
}

// "a, b": what stands between commas, without the spaces around it.
std::vector<std::string> Split(const std::string& text) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    const std::string part = Trimmed(text.substr(begin, end - begin));
    if (!part.empty()) parts.push_back(part);
    begin = end + 1;
  }
  return parts;
}

template <typename... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
template <typename... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

}  // namespace

std::string Option::flag() const {
  std::string name = "--" + std::string(key);
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

std::string Option::environment() const {
  std::string name = "PUNA_" + std::string(key);
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::toupper(c); });
  return name;
}

std::string Option::range() const {
  return std::visit(Overloaded{
                        [](const IntegerOption& o) {
                          return "a whole number from " + std::to_string(o.min) + " to " + std::to_string(o.max);
                        },
                        [](const NumberOption& o) { return "a number from " + Print(o.min) + " to " + Print(o.max); },
                        [](const SwitchOption&) { return std::string("true or false"); },
                        [](const ChoiceOption& o) { return "one of " + Join(o.choices, ", "); },
                        [](const TextOption&) { return std::string("text"); },
                        [](const ListOption&) { return std::string("text, or a list of texts"); },
                    },
                    type);
}

std::span<const Option> Options() { return Table(); }

const Option* FindByKey(std::string_view key) {
  for (const Option& option : Table())
    if (option.key == key) return &option;
  return nullptr;
}

const Option* FindByFlag(std::string_view flag) {
  for (const Option& option : Table())
    if (option.flag() == flag) return &option;
  return nullptr;
}

void SetFromText(const Option& option, Config& config, const std::string& text, const std::string& where) {
  std::visit(Overloaded{
                 [&](const IntegerOption& o) {
                   const auto value = Parse<int>(text);
                   if (!value || *value < o.min || *value > o.max) Refuse(option, text, where);
                   o.field(config) = *value;
                 },
                 [&](const NumberOption& o) {
                   const auto value = Parse<double>(text);
                   if (!value || !(*value >= o.min && *value <= o.max)) Refuse(option, text, where);
                   o.field(config) = *value;
                 },
                 [&](const SwitchOption& o) {
                   const auto value = ParseSwitch(text);
                   if (!value) Refuse(option, text, where);
                   o.field(config) = *value;
                 },
                 [&](const ChoiceOption& o) {
                   if (std::find(o.choices.begin(), o.choices.end(), text) == o.choices.end()) {
                     throw ConfigError(where + ": found \"" + text + "\", expected " + option.range() +
                                       DidYouMean(text, o.choices));
                   }
                   o.field(config) = text;
                 },
                 [&](const TextOption& o) { o.field(config) = text; },
                 [&](const ListOption& o) {
                   o.field(config) = Split(text);
                   // Commas alone are a mistake: for the keys it would open the server to everybody.
                   if (o.field(config).empty() && !text.empty()) Refuse(option, text, where);
                 },
             },
             option.type);
}

void SetFromJson(const Option& option, Config& config, const nlohmann::json& value, const std::string& where) {
  if (const auto* list = std::get_if<ListOption>(&option.type); list && value.is_array()) {
    std::vector<std::string> items;
    for (const auto& item : value) {
      if (!item.is_string()) Refuse(option, item.dump(), where);
      items.push_back(item.get<std::string>());
    }
    list->field(config) = std::move(items);
    return;
  }
  const bool fits = std::visit(Overloaded{
                                   [&](const IntegerOption&) { return value.is_number_integer(); },
                                   [&](const NumberOption&) { return value.is_number(); },
                                   [&](const SwitchOption&) { return value.is_boolean(); },
                                   [&](const auto&) { return value.is_string(); },
                               },
                               option.type);
  if (!fits) Refuse(option, value.dump(), where);
  SetFromText(option, config, value.is_string() ? value.get<std::string>() : value.dump(), where);
}

nlohmann::ordered_json GetAsJson(const Option& option, const Config& config) {
  return std::visit([&](const auto& o) { return nlohmann::ordered_json(o.field(config)); }, option.type);
}

nlohmann::ordered_json ToJson(const Config& config) {
  nlohmann::ordered_json all = nlohmann::ordered_json::object();
  for (const Option& option : Table()) all[std::string(option.key)] = GetAsJson(option, config);
  return all;
}

std::string DidYouMean(std::string_view name, const std::vector<std::string>& names) {
  // Levenshtein's distance, one row at a time.
  const auto distance = [](std::string_view a, std::string_view b) {
    std::vector<size_t> row(b.size() + 1);
    for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (size_t i = 0; i < a.size(); ++i) {
      size_t diagonal = std::exchange(row[0], i + 1);
      for (size_t j = 0; j < b.size(); ++j) {
        const size_t replace = diagonal + (a[i] == b[j] ? 0 : 1);
        diagonal = row[j + 1];
        row[j + 1] = std::min({replace, row[j] + 1, diagonal + 1});
      }
    }
    return row.back();
  };
  const std::string* best = nullptr;
  size_t least = std::max<size_t>(2, name.size() / 3) + 1;
  for (const std::string& candidate : names) {
    const size_t d = distance(name, candidate);
    if (d < least) {
      least = d;
      best = &candidate;
    }
  }
  return best ? "; did you mean " + *best + "?" : "";
}

}  // namespace puna::config
