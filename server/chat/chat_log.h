// What has been said, as a request's messages and as a file to keep.
#pragma once

#include <string>
#include <vector>

namespace puna::server {

class ChatLog {
 public:
  void SetSystem(const std::string& text) { system_ = text; }
  void Add(const std::string& role, const std::string& text) { turns_.push_back({role, text}); }
  void DropLast() { turns_.pop_back(); }
  void Clear() { turns_.clear(); }
  bool empty() const { return turns_.empty(); }
  const std::string& system() const { return system_; }

  struct Sampling {
    double temperature = -1;  // -1: the server's
    int max_tokens = 0;       // 0: the server's
  };
  // The body of a streamed request to /v1/chat/completions.
  std::string Body(const std::string& model, const Sampling& sampling) const;
  std::string Markdown() const;

 private:
  struct Turn {
    std::string role, text;
  };
  std::string system_;
  std::vector<Turn> turns_;
};

// Lines of input to one message: a backslash at the end goes on with the next line, and so does all between """ and """.
class MessageLines {
 public:
  // True: the message is whole.
  bool Add(std::string line);
  std::string Take();  // the message; begins the next one
  bool open() const { return open_; }

 private:
  std::string text_;
  bool open_ = false, quoted_ = false;
};

}  // namespace puna::server
