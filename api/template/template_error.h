// What a chat template refuses, or what is wrong with the template itself.
#pragma once

#include <stdexcept>
#include <string>

namespace puna::api {

class TemplateError : public std::runtime_error {
 public:
  enum class Kind {
    kSyntax,   // the template's source does not parse: the operator's fault
    kRaised,   // the template called raise_exception: the request does not suit this model
    kRuntime,  // an operation failed while rendering: a type error, something undefined, bad JSON
    kLimit,    // recursion, steps, memory or output size ran past the bounds
  };

  // where: "chat template NAME, line N"; empty when not known.
  TemplateError(Kind kind, const std::string& message, const std::string& where = "", int line = 0)
      : std::runtime_error(where.empty() ? message : where + ": " + message),
        kind_(kind),
        message_(message),
        line_(line) {}

  Kind kind() const { return kind_; }
  // One line without the place; for kRaised exactly what the template said.
  const std::string& message() const { return message_; }
  // Line of the template's source, from 1; 0 when not known.
  int line() const { return line_; }

 private:
  Kind kind_;
  std::string message_;
  int line_;
};

}  // namespace puna::api
