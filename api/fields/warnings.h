// What a request asked for that it does not get, in words: for the X-Puna-Warnings header and the
// log.
#pragma once

#include <string>
#include <vector>

namespace puna::api {

class Warnings {
 public:
  // At most 20 are kept; further ones are counted.
  void Add(std::string text);
  // Unless it is there already.
  void AddOnce(const std::string& text);
  bool empty() const { return texts_.empty(); }
  const std::vector<std::string>& texts() const { return texts_; }

  // One line of printable ASCII, at most 4 kB: what HTTP allows in a header. Other bytes become
  // '?'.
  std::string HeaderValue() const;

 private:
  std::vector<std::string> texts_;
  int left_out_ = 0;
};

}  // namespace puna::api
