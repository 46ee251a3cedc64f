// Tells how far a long task has come: on a terminal a line that is written over, else a line in the
// log now and then.
#pragma once

#include <string>

namespace puna::server {

class Progress {
 public:
  explicit Progress(std::string task);
  ~Progress();  // clears the line
  Progress(const Progress&) = delete;

  // `share` done, in [0, 1].
  void Tell(double share);

 private:
  std::string task_;
  bool terminal_;
  int told_ = 0;  // per cent
};

}  // namespace puna::server
