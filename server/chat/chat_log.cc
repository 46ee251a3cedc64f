#include "server/chat/chat_log.h"

#include <nlohmann/json.hpp>
#include <utility>

namespace puna::server {
namespace {

constexpr std::string_view kQuote = "\"\"\"";

}  // namespace

std::string ChatLog::Body(const std::string& model, const Sampling& sampling) const {
  nlohmann::ordered_json body;
  if (!model.empty()) body["model"] = model;
  auto messages = nlohmann::ordered_json::array();
  if (!system_.empty()) messages.push_back({{"role", "system"}, {"content", system_}});
  for (const Turn& turn : turns_) messages.push_back({{"role", turn.role}, {"content", turn.text}});
  body["messages"] = std::move(messages);
  if (sampling.temperature >= 0) body["temperature"] = sampling.temperature;
  if (sampling.max_tokens > 0) body["max_tokens"] = sampling.max_tokens;
  body["stream"] = true;
  // What a log or a terminal holds need not be UTF-8.
  return body.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::string ChatLog::Markdown() const {
  std::string text;
  if (!system_.empty()) text += "## system\n\n" + system_ + "\n\n";
  for (const Turn& turn : turns_) text += "## " + turn.role + "\n\n" + turn.text + "\n\n";
  return text;
}

bool MessageLines::Add(std::string line) {
  if (!open_ && line.starts_with(kQuote)) {
    quoted_ = true;
    line.erase(0, kQuote.size());
  }
  const bool ends = quoted_ && line.ends_with(kQuote);
  const bool goes_on = quoted_ ? !ends : line.ends_with('\\');
  if (ends) line.resize(line.size() - kQuote.size());
  if (!quoted_ && goes_on) line.pop_back();
  text_ += (open_ ? "\n" : "") + line;
  open_ = goes_on;
  return !goes_on;
}

std::string MessageLines::Take() {
  open_ = quoted_ = false;
  return std::exchange(text_, {});
}

}  // namespace puna::server
