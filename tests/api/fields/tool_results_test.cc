#include "api/fields/tool_results.h"

#include <doctest/doctest.h>

namespace puna::api {
namespace {

Message Turn(const std::vector<std::string>& ids) {
  Message turn;
  turn.role = "assistant";
  for (const std::string& id : ids) turn.tool_calls.push_back({id, "f", "{}"});
  return turn;
}

Message Result(const std::string& id) {
  Message result;
  result.role = "tool";
  result.tool_call_id = id;
  return result;
}

std::string Order(const std::vector<Message>& messages) {
  std::string order;
  for (const Message& message : OrderToolResults(messages))
    order += message.role == "tool" ? message.tool_call_id : "|";
  return order;
}

TEST_CASE("results come in the order of their calls") {
  CHECK(Order({Turn({"a", "b", "c"}), Result("c"), Result("a"), Result("b")}) == "|abc");
  CHECK(Order({Turn({"a", "b"}), Result("x"), Result("b"), Result("a"), Turn({"c", "d"}), Result("d"), Result("c")}) ==
        "|abx|cd");
  CHECK(Order({Turn({"a"}), Result("x"), Result("a")}) == "|xa");
  CHECK(Order({Turn({"a", "b"}), Result("b"), Turn({}), Result("a")}) == "|b|a");
  CHECK(Order({Result("a"), Turn({"", ""}), Result(""), Result("z")}) == "a|z");
}

TEST_CASE("results of no call are named") {
  Warnings warnings;
  WarnOfStrayResults({Result("a"), Turn({"a"}), Result("a"), Result("b"), Result("")}, "messages", warnings);
  REQUIRE(warnings.texts().size() == 3);
  CHECK(warnings.texts()[0].starts_with("messages[0].tool_call_id "));
  CHECK(warnings.texts()[1].starts_with("messages[3].tool_call_id "));
  CHECK(warnings.texts()[2].starts_with("messages[4].tool_call_id "));
}

}  // namespace
}  // namespace puna::api
