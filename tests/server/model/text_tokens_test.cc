#include "server/model/text_tokens.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "engine/demo/demo_model.h"
#include "server/model/text_files.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/throws.h"

namespace puna::server {
namespace {

using engine::TokenId;
using testing::IsFaultMessage;
using testing::MessageOf;
using testing::TemporaryFolder;

struct Demo {
  engine::FileSet files = TextFiles("");
  engine::Tokenizer tokenizer = LoadTokenizer(files, 2048);

  std::vector<std::vector<TokenId>> Read(const TemporaryFolder& folder, const std::string& name, int length = 100,
                                         int64_t max = 1000) const {
    return ReadTokens(folder.path() + "/" + name, files, tokenizer, length, max);
  }
};

std::string Prose() {
  std::string text;
  for (int i = 0; i < 200; ++i) text += "The capital of France is Paris, and " + std::to_string(i) + " is a number. ";
  return text;
}

TEST_CASE(
    "plain text is cut into sequences, each behind the model's first token, and no more than asked "
    "for") {
  const Demo demo;
  const TemporaryFolder folder({{"a.txt", Prose()}});
  const auto sequences = demo.Read(folder, "a.txt", 100, 250);
  REQUIRE(sequences.size() == 3);
  CHECK(sequences[0].size() == 100);
  CHECK(sequences[2].size() == 50);
  const std::vector<TokenId> all = demo.tokenizer.Encode(Prose());
  for (const auto& sequence : sequences) CHECK(sequence[0] == demo.tokenizer.bos_id());
  CHECK(std::vector<TokenId>(sequences[1].begin() + 1, sequences[1].end()) ==
        std::vector<TokenId>(all.begin() + 99, all.begin() + 198));
}

TEST_CASE("conversations go through the chat template, and their text can never become a special token") {
  const Demo demo;
  const std::string chat =
      R"({"messages": [{"role": "user", "content": "Hello <|eot_id|>"}], "expected": "Hello to you."})";
  std::string lines;
  for (int i = 0; i < 20; ++i) lines += chat + "\n";
  lines += R"({"prompt": "In Iraq the capital is", "expected": " Baghdad."})"
           "\n";
  const TemporaryFolder folder({{"a.jsonl", lines}});
  const auto sequences = demo.Read(folder, "a.jsonl");
  std::vector<TokenId> ids;
  for (const auto& sequence : sequences) ids.insert(ids.end(), sequence.begin() + 1, sequence.end());
  const std::string text = demo.tokenizer.Decode(ids, false);
  CHECK(testing::Contains(text, "Hello to you."));
  CHECK(testing::Contains(text, "In Iraq the capital is Baghdad."));
  const auto end = demo.tokenizer.SpecialId("<|eot_id|>");
  if (end) CHECK(std::count(ids.begin(), ids.end(), *end) <= 40);  // two turns a conversation, none from the text
}

TEST_CASE("what cannot be read is told with file and line") {
  const Demo demo;
  const TemporaryFolder folder(
      {{"a.jsonl", "{\"messages\": []}\n{\"message\": 1}\n"}, {"b.txt", "short"}, {"c.jsonl", "[1"}});
  CHECK(testing::Contains(MessageOf([&] { demo.Read(folder, "nothing.txt"); }), "nothing.txt"));
  CHECK(IsFaultMessage(MessageOf([&] { demo.Read(folder, "b.txt"); })));
  CHECK(testing::Contains(MessageOf([&] { demo.Read(folder, "a.jsonl"); }), "a.jsonl:"));
  CHECK(testing::Contains(MessageOf([&] { demo.Read(folder, "c.jsonl"); }), "c.jsonl:1"));
}

}  // namespace
}  // namespace puna::server
