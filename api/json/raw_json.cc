#include "api/json/raw_json.h"

#include <nlohmann/json.hpp>

#include "api/json/json_scanner.h"

namespace puna::api {

namespace {

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

size_t SkipSpace(std::string_view text, size_t i) {
  while (i < text.size() && IsSpace(text[i])) ++i;
  return i;
}

size_t SkipString(std::string_view text, size_t i) {
  for (++i; i < text.size() && text[i] != '"'; ++i) {
    if (text[i] == '\\') ++i;
  }
  return std::min(i + 1, text.size());
}

// The position after the value that begins at `i`.
size_t SkipValue(std::string_view text, size_t i) {
  int depth = 0;
  while (i < text.size()) {
    const char c = text[i];
    if (c == '"') {
      i = SkipString(text, i);
      if (depth == 0) return i;
      continue;
    }
    if (depth == 0 && (IsSpace(c) || c == ',' || c == ']' || c == '}')) return i;
    if (c == '{' || c == '[') ++depth;
    ++i;
    if ((c == '}' || c == ']') && --depth == 0) return i;
  }
  return i;
}

// Calls `visit(key, value)` for every member or element; the key with its quotes, empty in an
// array.
template <typename Visit>
void ForEachPart(std::string_view text, Visit visit) {
  size_t i = SkipSpace(text, 0);
  if (i == text.size() || (text[i] != '{' && text[i] != '[')) return;
  const bool object = text[i++] == '{';
  while ((i = SkipSpace(text, i)) < text.size() && text[i] != '}' && text[i] != ']') {
    std::string_view key;
    if (object) {
      const size_t end = SkipString(text, i);
      key = text.substr(i, end - i);
      i = SkipSpace(text, SkipSpace(text, end) + 1);  // over the colon
    }
    const size_t end = SkipValue(text, i);
    visit(key, text.substr(i, end - i));
    i = SkipSpace(text, end);
    if (i < text.size() && text[i] == ',')
      ++i;
    else
      break;
  }
}

bool SameKey(std::string_view raw, std::string_view key) {
  const std::string_view inner = raw.substr(1, raw.size() - 2);
  if (inner.find('\\') == std::string_view::npos) return inner == key;
  return nlohmann::json::parse(raw, nullptr, false) == nlohmann::json(std::string(key));
}

}  // namespace

std::string_view RawMember(std::string_view object, std::string_view key) {
  std::string_view found;
  ForEachPart(object, [&](std::string_view name, std::string_view value) {
    if (name.size() >= 2 && SameKey(name, key)) found = value;
  });
  return found;
}

std::vector<std::string_view> RawElements(std::string_view array) {
  std::vector<std::string_view> elements;
  ForEachPart(array, [&](std::string_view, std::string_view value) { elements.push_back(value); });
  return elements;
}

bool IsJsonObject(std::string_view text) {
  size_t i = SkipSpace(text, 0);
  if (i == text.size() || text[i] != '{') return false;
  JsonScanner scanner;
  for (; i < text.size(); ++i) {
    const JsonScanner::State state = scanner.Feed(text[i]);
    if (state == JsonScanner::State::kError) return false;
    if (state == JsonScanner::State::kDone) return SkipSpace(text, i + 1) == text.size();
  }
  return false;
}

}  // namespace puna::api
