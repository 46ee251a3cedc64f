// Finds stop strings in text that arrives in pieces, and never lets a byte of one out.
// One Knuth-Morris-Pratt automaton per string: linear time, however text is cut and strings
// overlap.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace puna::api {

class StopMatcher {
 public:
  // No string may be empty. `include_stop`: the stop string itself is shown (vLLM's
  // include_stop_str_in_output).
  explicit StopMatcher(std::vector<std::string> stops, bool include_stop = false);

  // The text that is now safe to send. Held back is only the longest end of the text that may still
  // become a stop string. The match that ends first wins, the longest of several that end at one
  // byte; all after it is dropped.
  std::string Feed(std::string_view text);

  // The end of the text: gives what was held back.
  std::string Finish();

  bool stopped() const { return stopped_; }
  size_t num_held() const { return held_.size(); }
  // Which string was found, once stopped.
  const std::string& stop() const { return patterns_[found_].text; }

 private:
  struct Pattern {
    std::string text;
    std::vector<int> failure;  // failure[k]: the longest proper border of the first k bytes
    int matched = 0;           // bytes of `text` that the input now ends with
  };
  static void Advance(Pattern& pattern, char c);

  std::vector<Pattern> patterns_;
  bool include_stop_;
  bool stopped_ = false;
  size_t found_ = 0;
  std::string held_;
};

}  // namespace puna::api
