// The input of a custom tool's call. A model writes such a call as every other, with one argument: {"input": "..."}; the client
// is given the text.
#pragma once

#include <string>
#include <string_view>

namespace puna::api {

// Takes the arguments' JSON as it comes and gives the text. Total: arguments of another form come whole, at the end: the
// text of their only member, or else the JSON itself.
class CustomInput {
 public:
  // What has become certain: whole characters, if the pieces are.
  std::string Feed(std::string_view json);
  // The rest. Of a call that was cut before its text began there is none.
  std::string Finish();

 private:
  enum class Phase {
    kHead,   // it may go on as {"input": "
    kText,   // in the string
    kDone,   // behind it
    kOther,  // another form
  };
  void Take(char c, std::string& text);
  void TakeHead();
  void TakeEscape(char c, std::string& text);
  void AddUnit(char32_t unit, std::string& text);
  void EndPair(std::string& text);

  Phase phase_ = Phase::kHead;
  std::string json_;        // kHead, kOther: all of it
  std::string escape_;      // the part of an escape that has come
  char32_t surrogate_ = 0;  // the first half of a pair
};

}  // namespace puna::api
