// Small templates against what jinja2 makes of them: data/snippets.jsonl, written by data/make_snippets.py.
#include <doctest/doctest.h>

#include <set>

#include "tests/api/template/render_case.h"

namespace puna::api {
namespace {

const std::string& FieldBytes(const jinja::Value& row, const char* name) {
  return row.dict().Find(std::string_view(name))->bytes();
}

TEST_CASE("snippets give what jinja2 gives") {
  const auto lines = ReadLines(DataFolder() / "snippets.jsonl");
  REQUIRE(lines.size() > 300);
  for (const std::string& line : lines) {
    const jinja::Value row = jinja::ParseJson(line);
    const std::string& source = FieldBytes(row, "template");
    INFO("template: ", source);
    jinja::TrackedText variables(nullptr);
    jinja::AppendJson(variables, *row.dict().Find(std::string_view("variables")), {});
    const jinja::Value* output = row.dict().Find(std::string_view("output"));
    if (output != nullptr) {
      std::string text;
      try {
        text = RenderText(source, variables.bytes());
      } catch (const TemplateError& error) {
        text = std::string("ERROR: ") + error.what();
      }
      CHECK(text == output->bytes());
    } else {
      INFO("jinja2's error: ", FieldBytes(row, "error"));
      const std::string message = RenderError(source, variables.bytes());
      CHECK(message != "");
      CHECK(message.find('\n') == std::string::npos);
    }
  }
}

// Where jinja2's own words reach a client they are the same here.
TEST_CASE("errors say what Python says") {
  const std::set<std::string> same = {"UndefinedError", "ZeroDivisionError", "TemplateError"};
  int compared = 0;
  for (const std::string& line : ReadLines(DataFolder() / "snippets.jsonl")) {
    const jinja::Value row = jinja::ParseJson(line);
    const jinja::Value* type = row.dict().Find(std::string_view("error_type"));
    if (type == nullptr || !same.contains(type->bytes())) continue;
    INFO("template: ", FieldBytes(row, "template"));
    jinja::TrackedText variables(nullptr);
    jinja::AppendJson(variables, *row.dict().Find(std::string_view("variables")), {});
    CHECK(RenderError(FieldBytes(row, "template"), variables.bytes()) == FieldBytes(row, "error"));
    ++compared;
  }
  CHECK(compared > 20);
}

}  // namespace
}  // namespace puna::api
