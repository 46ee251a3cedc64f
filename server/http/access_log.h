// The one line that every request leaves in the log.
#pragma once

#include <string>

namespace puna::server {

// Negative numbers: not known for this request.
struct AccessLine {
  std::string id, method, path;
  std::string endpoint;  // the route that answered: one of few, whatever clients ask for
  int status = 0;
  double seconds = 0;
  bool stream = false;
  int prompt_tokens = -1, cached_tokens = -1, completion_tokens = -1;
  double queue_seconds = -1, prefill_seconds = -1, decode_seconds = -1;
  double joules = -1;
  std::string finish;  // finish reason, or "client left"
  std::string client;  // its address
  std::string key;     // the name of the client's key
  std::string user;    // whom the client says that it asks for
  std::string error;   // code of OpenAI's error object
};

// key=value for people, or one JSON object.
std::string ToText(const AccessLine& line);
std::string ToJson(const AccessLine& line);

// Writes the line to the log. Answers to probes are debug, failures of ours are errors, everything else is info.
void LogRequest(const AccessLine& line);

}  // namespace puna::server
