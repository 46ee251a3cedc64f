// What cannot be compiled, and why.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace puna::engine {

// Something that is right but cannot be enforced.
class GrammarError : public std::runtime_error {
 public:
  // `keyword`: what is refused, such as "uniqueItems"; `path`: where it stands, such as "#/properties/tags". what()
  // names all three.
  GrammarError(std::string keyword, std::string path, const std::string& message)
      : std::runtime_error(keyword + " at " + path + ": " + message),
        keyword_(std::move(keyword)),
        path_(std::move(path)),
        message_(message) {}

  const std::string& keyword() const { return keyword_; }
  const std::string& path() const { return path_; }
  const std::string& message() const { return message_; }

 private:
  std::string keyword_, path_, message_;
};

// Something that says nothing, whoever reads it: no JSON, an unknown type, a reference to nothing.
class GrammarMistake : public GrammarError {
  using GrammarError::GrammarError;
};

// More work, memory or time than a compilation may take.
class CompilationLimit : public GrammarError {
  using GrammarError::GrammarError;
};

}  // namespace puna::engine
