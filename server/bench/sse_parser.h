// Server-sent events from the outside: what a streaming answer is made of.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace puna::server {

// Takes the bytes of a text/event-stream as they come, split anywhere, and hands out the data of
// each event whole. As WHATWG HTML 9.2.6 has it: lines end in CR, LF or both, several data lines
// are joined by LF, comments and other fields are skipped, and an event that no empty line has
// ended is none.
class SseParser {
 public:
  // Throws std::runtime_error at a line or an event of more than 16 MiB: no answer has one.
  void Feed(std::string_view bytes, const std::function<void(const std::string&)>& on_data);

 private:
  void EndLine(const std::function<void(const std::string&)>& on_data);

  std::string line_;
  std::string data_;
  bool has_data_ = false;
  bool after_cr_ = false;
  bool first_line_ = true;
};

}  // namespace puna::server
