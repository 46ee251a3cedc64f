// One JSON object {"name": ..., "parameters" or "arguments": {...}}, followed byte by byte.
#pragma once

#include <string>
#include <string_view>

#include "api/json/json_scanner.h"

namespace puna::api {

class CallObject {
 public:
  enum class State { kMore, kDone, kError };

  // `accept_parameters`: `parameters` may stand for `arguments` (Llama's formats); otherwise it is
  // a key like others.
  explicit CallObject(bool accept_parameters) : accept_parameters_(accept_parameters) {}

  // Bytes of the object, white space before it included. After kDone or kError nothing more may be
  // fed.
  State Feed(char c);

  bool begun() const { return begun_; }  // the opening brace has come
  // Known as soon as its string has closed; decoded. Empty while unknown, not a string, or empty.
  const std::string& name() const { return name_; }
  // Whether the object begins with another key, once that is known.
  bool begins_otherwise() const { return begins_otherwise_; }
  // While or after the arguments object is read; positions count the bytes fed.
  bool in_arguments() const { return in_arguments_; }
  size_t arguments_begin() const { return arguments_begin_; }
  size_t arguments_end() const { return arguments_end_; }
  // After kDone: a name that is a string and not empty, and one arguments object.
  bool is_call() const;

 private:
  enum class Key { kOther, kName, kParameters, kArguments };
  void FollowMember(JsonScanner::Event event, char c);
  void StartValue(char c);
  void EndValue();
  Key Classify(const std::string& key) const;

  JsonScanner scanner_;
  bool accept_parameters_;
  bool begun_ = false;
  bool has_key_ = false, begins_otherwise_ = false;
  bool recording_ = false;  // a key, or the value of "name", goes to token_
  std::string token_;
  Key key_ = Key::kOther;
  std::string name_;
  bool in_arguments_ = false;
  bool has_parameters_ = false, has_arguments_ = false, arguments_are_object_ = false;
  size_t fed_ = 0, arguments_begin_ = 0, arguments_end_ = 0;
};

}  // namespace puna::api
