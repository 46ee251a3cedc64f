// What cannot be enforced is refused before a token is computed.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace puna::engine {

class GrammarError : public std::runtime_error {
 public:
  // `keyword`: what is refused, such as "uniqueItems"; `path`: where it stands, such as
  // "#/properties/tags". what() names all three.
  GrammarError(std::string keyword, std::string path, const std::string& message)
      : std::runtime_error(keyword + " at " + path + ": " + message),
        keyword_(std::move(keyword)),
        path_(std::move(path)) {}

  const std::string& keyword() const { return keyword_; }
  const std::string& path() const { return path_; }

 private:
  std::string keyword_, path_;
};

}  // namespace puna::engine
