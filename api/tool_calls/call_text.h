// What a format's reader says about a text that may be tool calls.
#pragma once

#include <string>
#include <vector>

namespace puna::api {

struct CallText {
  std::string name;
  std::string arguments;  // the text of a JSON object
};

enum class Verdict {
  kCalls,    // it is one or more calls as it stands; more text may still spoil it
  kPartial,  // not yet, but more text may make it so
  kPlain,    // no text that begins like this is a call in this format
};

struct CallsReading {
  Verdict verdict = Verdict::kPlain;
  std::vector<CallText> calls;  // filled with kCalls only
};

}  // namespace puna::api
