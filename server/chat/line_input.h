// Lines from a terminal, edited and remembered by libedit (BSD licence).
#pragma once

#include <memory>
#include <optional>
#include <string>

namespace puna::server {

class LineInput {
 public:
  // `history_file` keeps the last thousand lines; empty, or where it cannot be written: only this run's.
  explicit LineInput(std::string history_file);
  ~LineInput();
  LineInput(const LineInput&) = delete;

  // Without its end. None: there are no more (Ctrl-D, or Ctrl-C on an empty line).
  std::optional<std::string> Read(const std::string& prompt);

 private:
  struct Editor;
  std::unique_ptr<Editor> editor_;
};

}  // namespace puna::server
