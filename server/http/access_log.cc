#include "server/http/access_log.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "server/host/log.h"
#include "server/http/dispatcher.h"

namespace puna::server {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMaxUser = 128;  // bytes: the log is ours

double Milliseconds(double seconds) { return std::round(seconds * 1e4) / 10; }

// A word, or a value as JSON writes it. No object of the library holds them: it takes memory when it is destroyed, and a request
// that ends for want of memory has a line, too.
struct Field {
  const char* name;
  std::string text;
  bool is_word = false;
};

std::vector<Field> Fields(const AccessLine& line) {
  std::vector<Field> fields = {{"id", line.id, true},
                               {"method", line.method, true},
                               {"path", line.path, true},
                               {"status", std::to_string(line.status)},
                               {"ms", Json(Milliseconds(line.seconds)).dump()}};
  if (line.stream) fields.push_back({"stream", "true"});
  const auto count = [&](const char* name, int value) {
    if (value >= 0) fields.push_back({name, std::to_string(value)});
  };
  const auto time = [&](const char* name, double seconds) {
    if (seconds >= 0) fields.push_back({name, Json(Milliseconds(seconds)).dump()});
  };
  const auto word = [&](const char* name, const std::string& text) {
    if (!text.empty()) fields.push_back({name, text, true});
  };
  count("prompt_tokens", line.prompt_tokens);
  count("cached_tokens", line.cached_tokens);
  count("completion_tokens", line.completion_tokens);
  time("queue_ms", line.queue_seconds);
  time("prefill_ms", line.prefill_seconds);
  time("decode_ms", line.decode_seconds);
  if (line.joules >= 0) fields.push_back({"joules", Json(std::round(line.joules * 1000) / 1000).dump()});
  word("finish", line.finish);
  word("client", line.client);
  word("key", line.key);
  word("user", line.user.substr(0, kMaxUser));
  word("error", line.error);
  return fields;
}

std::string Quoted(const std::string& text) { return Json(text).dump(-1, ' ', true, Json::error_handler_t::replace); }

// Plain words stay as they are, everything else is quoted, so that no client can write a line of
// its own.
std::string Plain(const Field& field) {
  if (!field.is_word) return field.text;
  const bool plain = !field.text.empty() && field.text.find_first_not_of(
                                                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                                "0123456789-_./:") == std::string::npos;
  return plain ? field.text : Quoted(field.text);
}

}  // namespace

std::string ToText(const AccessLine& line) {
  std::string text;
  for (const Field& field : Fields(line)) {
    if (!text.empty()) text += ' ';
    text.append(field.name).append("=").append(Plain(field));
  }
  return text;
}

std::string ToJson(const AccessLine& line) {
  std::string text;
  for (const Field& field : Fields(line)) {
    text += text.empty() ? '{' : ',';
    text.append("\"").append(field.name).append("\":").append(field.is_word ? Quoted(field.text) : field.text);
  }
  return text + '}';
}

void LogRequest(const AccessLine& line) {
  // A probe that is told "not yet" is no error of ours, and no more is a request in another language.
  const bool probe = IsProbe(line.path);
  const bool ours = line.status >= 500 && line.status != 501 && line.status != 505;
  const LogLevel level = probe && line.status == 200 ? LogLevel::kDebug
                         : ours && !probe            ? LogLevel::kError
                                                     : LogLevel::kInfo;
  LogEvent(
      level, [&] { return ToText(line); }, [&] { return ToJson(line); });
}

}  // namespace puna::server
