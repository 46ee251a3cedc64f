// What was seen of one request of a replayed load.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace puna::server {

// Times are seconds since the run began.
struct TrafficSample {
  std::string kind;  // of its session: "chat", "agent", "short", "long" or "long alone"
  int session = 0;
  int turn = 0;
  double sent_s = 0;
  double end_s = 0;
  std::vector<double> chunk_s;  // when each piece of the answer came; the first is the TTFT
  int status = 0;               // of HTTP; 0: no answer came
  std::string error;            // what went wrong, as a class ("HTTP 429"); empty: answered whole
  std::string error_detail;     // in the server's words
  std::string answer;
  int output_tokens = 0;       // as the server says in usage; else the pieces, counted
  bool output_counted = true;  // the server did not say
  std::optional<int> prompt_tokens;
  std::optional<int> cached_tokens;  // of prompt_tokens, those that the server found in its cache
};

}  // namespace puna::server
