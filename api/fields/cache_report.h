// What an answer says of the prefix cache where the request asks for it (include_cache_report): where its prompt came from, and
// why it was not found further.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

namespace puna::api {

struct CacheReport {
  // Together they are the prompt.
  int memory_tokens = 0, disk_tokens = 0;
  int copied_tokens = 0;  // out of a block that goes on otherwise
  int computed_tokens = 0;

  enum class Reason {
    kFound,      // all that may be taken from a cache: the last token is always computed
    kDifferent,  // something else stood there before
    kNotKept,    // nothing is known behind that position: it is new, or what was there had to go
    kWanted,     // log-probabilities of the prompt are wanted, so it is computed
    kOff,        // there is no prefix cache
  };
  Reason reason = Reason::kFound;
  int position = 0;                        // tokens of the prompt up to there were found
  std::string context = {};                // the prompt's text in front of it, a few words
  std::string now = {};                    // what stands there now, the rest of a block of 16 tokens at most
  std::optional<std::string> before = {};  // what stood there; none: it may be somebody else's
};

// {"memory_tokens", ..., "first_difference": {"position", "reason", "kind", "context", "now", "before"} or null}.
nlohmann::ordered_json CacheReportJson(const CacheReport& report);

// What differs, as far as its form tells: "time", "date", "number", "identifier" or "text". The word counts in which the difference
// lies, so the text in front of it belongs to it.
std::string KindOfDifference(const std::string& context, const std::string& now);

}  // namespace puna::api
