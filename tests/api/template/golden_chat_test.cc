// Conversations rendered by transformers, byte for byte.
#include <doctest/doctest.h>

#include <map>

#include "tests/api/template/render_case.h"
#include "tests/support/shared_data.h"

namespace puna::api {
namespace {

namespace fs = std::filesystem;

jinja::Value FieldOf(const jinja::Value& row, const char* name) {
  const jinja::Value* found = row.dict().Find(std::string_view(name));
  return found == nullptr ? jinja::Value::None() : *found;
}

RenderInput InputOf(const jinja::Value& row) {
  RenderInput input;
  input.messages = NormaliseMessages(FieldOf(row, "messages"));
  input.tools = FieldOf(row, "tools");
  input.add_generation_prompt = FieldOf(row, "add_generation_prompt").bool_value();
  if (const auto date = FieldOf(row, "date_string"); date.IsString()) input.date_string = date.bytes();
  input.bos_token = "<|begin_of_text|>";
  input.eos_token = "<|eot_id|>";
  if (const auto extra = FieldOf(row, "template_kwargs"); extra.IsDict()) {
    for (const auto& [name, value] : extra.dict().entries) input.extra.emplace_back(name.bytes(), value);
  }
  return input;
}

// Errors that Python raises before or beside the template; any clear one will do.
bool MayDiffer(const std::string& message) { return message == "list index out of range"; }

void CheckRow(const ChatTemplate& chat_template, const jinja::Value& row) {
  INFO("case: ", FieldOf(row, "name").bytes());
  const auto error = FieldOf(row, "error");
  try {
    const auto pieces = chat_template.Render(InputOf(row));
    REQUIRE_MESSAGE(error.IsNone(), "expected the error: ", error.bytes());
    CHECK(JoinPieces(pieces) == FieldOf(row, "prompt_text").bytes());
  } catch (const TemplateError& refused) {
    REQUIRE_MESSAGE(error.IsString(), refused.what());
    if (!MayDiffer(error.bytes())) CHECK(refused.message() == error.bytes());
    if (FieldOf(row, "error_type").bytes() == "TemplateError") CHECK(refused.kind() == TemplateError::Kind::kRaised);
  }
}

int CheckFile(const fs::path& conversations, const fs::path& templates) {
  std::map<std::string, ChatTemplate> parsed;
  int count = 0;
  for (const std::string& line : ReadLines(conversations)) {
    const jinja::Value row = jinja::ParseJson(line);
    const std::string name = FieldOf(row, "template").bytes();
    if (!parsed.contains(name)) {
      parsed.emplace(name, ChatTemplate::Parse(ReadText(templates / (name + ".jinja")), name));
    }
    CheckRow(parsed.at(name), row);
    ++count;
  }
  return count;
}

TEST_CASE("own templates and ChatML render as transformers does") {
  CHECK(CheckFile(DataFolder() / "conversations.jsonl", DataFolder()) >= 20);
}

TEST_CASE("Llama 3.2, Llama 3.1 and Hermes 3 render as transformers does") {
  if (!testing::HaveShared("golden/chat/conversations.jsonl")) return;
  const fs::path folder = testing::SharedPath("golden/chat");
  CHECK(CheckFile(folder / "conversations.jsonl", folder / "templates") >= 112);
}

TEST_CASE("the real tokenizer's template is the one of the goldens") {
  if (!testing::HaveShared("tokenizer/chat_template.jinja")) return;
  const std::string path = testing::SharedPath("tokenizer/chat_template.jinja");
  const auto chat_template = ChatTemplate::Parse(ReadText(path), path);
  RenderInput input;
  input.messages = jinja::ParseJson(R"([{"role": "user", "content": "Hi"}])");
  // 2024-07-26 12:00 UTC is that day everywhere between -12 and +11 hours.
  input.now = std::chrono::system_clock::from_time_t(1721995200);
  CHECK(JoinPieces(chat_template.Render(input)).find("Today Date: 26 Jul 2024\n") != std::string::npos);
}

}  // namespace
}  // namespace puna::api
