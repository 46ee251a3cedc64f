#include "api/fields/stop_matcher.h"

#include <algorithm>
#include <utility>

namespace puna::api {

StopMatcher::StopMatcher(std::vector<std::string> stops, bool include_stop) : include_stop_(include_stop) {
  for (std::string& stop : stops) {
    Pattern pattern{std::move(stop), {}, 0};
    const std::string& text = pattern.text;
    pattern.failure.assign(text.size() + 1, 0);
    for (size_t i = 1, border = 0; i < text.size(); ++i) {
      while (border > 0 && text[i] != text[border]) border = pattern.failure[border];
      if (text[i] == text[border]) ++border;
      pattern.failure[i + 1] = static_cast<int>(border);
    }
    patterns_.push_back(std::move(pattern));
  }
}

void StopMatcher::Advance(Pattern& pattern, char c) {
  const std::string& text = pattern.text;
  while (pattern.matched > 0 && text[pattern.matched] != c) {
    pattern.matched = pattern.failure[pattern.matched];
  }
  if (text[pattern.matched] == c) ++pattern.matched;
}

std::string StopMatcher::Feed(std::string_view text) {
  if (stopped_) return {};
  for (const char c : text) {
    held_ += c;
    size_t longest = 0;
    for (size_t i = 0; i < patterns_.size(); ++i) {
      Pattern& pattern = patterns_[i];
      Advance(pattern, c);
      if (static_cast<size_t>(pattern.matched) < pattern.text.size()) continue;
      pattern.matched = 0;  // never read again, but keeps Advance inside the string
      if (pattern.text.size() <= longest) continue;
      longest = pattern.text.size();
      found_ = i;
      stopped_ = true;
    }
    if (!stopped_) continue;
    if (!include_stop_) held_.resize(held_.size() - longest);
    return Finish();
  }
  int keep = 0;
  for (const Pattern& pattern : patterns_) keep = std::max(keep, pattern.matched);
  std::string safe = held_.substr(0, held_.size() - keep);
  held_.erase(0, safe.size());
  return safe;
}

std::string StopMatcher::Finish() { return std::exchange(held_, {}); }

}  // namespace puna::api
