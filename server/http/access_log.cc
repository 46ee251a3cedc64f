#include "server/http/access_log.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "server/host/log.h"
#include "server/http/dispatcher.h"

namespace puna::server {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMaxUser = 128;  // bytes: the log is ours

double Milliseconds(double seconds) { return std::round(seconds * 1e4) / 10; }

Json Fields(const AccessLine& line) {
  Json fields = {{"id", line.id},
                 {"method", line.method},
                 {"path", line.path},
                 {"status", line.status},
                 {"ms", Milliseconds(line.seconds)}};
  if (line.stream) fields["stream"] = true;
  const auto count = [&](const char* name, int value) {
    if (value >= 0) fields[name] = value;
  };
  const auto time = [&](const char* name, double seconds) {
    if (seconds >= 0) fields[name] = Milliseconds(seconds);
  };
  count("prompt_tokens", line.prompt_tokens);
  count("cached_tokens", line.cached_tokens);
  count("completion_tokens", line.completion_tokens);
  time("queue_ms", line.queue_seconds);
  time("prefill_ms", line.prefill_seconds);
  time("decode_ms", line.decode_seconds);
  if (line.joules >= 0) fields["joules"] = std::round(line.joules * 1000) / 1000;
  if (!line.finish.empty()) fields["finish"] = line.finish;
  if (!line.client.empty()) fields["client"] = line.client;
  if (!line.key.empty()) fields["key"] = line.key;
  if (!line.user.empty()) fields["user"] = line.user.substr(0, kMaxUser);
  if (!line.error.empty()) fields["error"] = line.error;
  return fields;
}

std::string Dump(const Json& value) { return value.dump(-1, ' ', true, Json::error_handler_t::replace); }

// Plain words stay as they are, everything else is quoted, so that no client can write a line of
// its own.
std::string Plain(const Json& value) {
  if (!value.is_string()) return value.dump();
  const auto& text = value.get_ref<const std::string&>();
  const bool plain = !text.empty() && text.find_first_not_of(
                                          "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                          "0123456789-_./:") == std::string::npos;
  return plain ? text : Dump(value);
}

}  // namespace

std::string ToText(const AccessLine& line) {
  std::string text;
  const Json fields = Fields(line);
  for (const auto& [name, value] : fields.items()) {
    if (!text.empty()) text += ' ';
    text.append(name).append("=").append(Plain(value));
  }
  return text;
}

std::string ToJson(const AccessLine& line) { return Dump(Fields(line)); }

void LogRequest(const AccessLine& line) {
  // A probe that is told "not yet" is no error of ours.
  const bool probe = IsProbe(line.path);
  const LogLevel level = probe && line.status == 200    ? LogLevel::kDebug
                         : line.status >= 500 && !probe ? LogLevel::kError
                                                        : LogLevel::kInfo;
  LogEvent(
      level, [&] { return ToText(line); }, [&] { return ToJson(line); });
}

}  // namespace puna::server
