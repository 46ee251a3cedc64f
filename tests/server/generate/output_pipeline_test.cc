#include "server/generate/output_pipeline.h"

#include <doctest/doctest.h>

#include "tests/server/byte_tokenizer.h"

namespace puna::server {
namespace {

using engine::FinishReason;
using engine::TokenEvent;

TokenEvent Token(engine::TokenId id) {
  TokenEvent event;
  event.id = id;
  event.logprobs = engine::Logprobs{-0.5f * static_cast<float>(id), {}};
  return event;
}

// A pipeline and the engine's end of its stream.
class Fixture {
 public:
  explicit Fixture(OutputOptions options = {})
      : pipeline(std::move(options), tokenizer(), engine::TokenReader(stream), ids) {}

  static const engine::Tokenizer& tokenizer() {
    static const engine::Tokenizer instance = ByteTokenizer();
    return instance;
  }
  OutputPiece FeedIds(const std::vector<engine::TokenId>& tokens) {
    for (const engine::TokenId id : tokens) stream->Push(Token(id));
    return Next();
  }
  // All pieces that there are now, as one.
  OutputPiece Next() {
    OutputPiece all;
    const bool was_done = pipeline.done();
    for (OutputPiece& piece : pipeline.Next()) {
      CHECK_FALSE(all.last);
      all.content += piece.content;
      all.calls.insert(all.calls.end(), piece.calls.begin(), piece.calls.end());
      all.tokens.insert(all.tokens.end(), piece.tokens.begin(), piece.tokens.end());
      all.last = piece.last;
    }
    CHECK(all.last == (pipeline.done() && !was_done));
    return all;
  }
  OutputPiece Feed(const std::string& text) { return FeedIds(Ids(text)); }
  OutputPiece Finish(FinishReason reason, engine::Usage usage = {}) {
    TokenEvent event;
    event.kind = TokenEvent::Kind::kEnd;
    event.finish = engine::Finish{reason, "why", usage};
    stream->Push(std::move(event));
    return Next();
  }

  std::shared_ptr<engine::TokenStream> stream = std::make_shared<engine::TokenStream>();
  api::IdGenerator ids{1};
  OutputPipeline pipeline;
};

std::string Texts(const std::vector<ScoredToken>& tokens) {
  std::string text;
  for (const ScoredToken& token : tokens) text += std::string(Fixture::tokenizer().Bytes(token.id));
  return text;
}

TEST_CASE("text comes as it is certain, in whole characters") {
  Fixture f;
  CHECK_FALSE(f.pipeline.started());
  CHECK(f.Next().empty());
  CHECK(f.Feed("a").content == "a");
  CHECK(f.pipeline.started());
  CHECK(f.Feed("\xf0\x9f").content == "");
  CHECK(f.Feed("\x98\x80!").content == "\xf0\x9f\x98\x80!");
  CHECK(f.Feed("\xc3").content == "");
  CHECK(f.Finish(FinishReason::kLength).content == "\xef\xbf\xbd");
  CHECK(f.pipeline.done());
  CHECK(f.pipeline.finish_reason() == "length");
  CHECK_FALSE(f.pipeline.failure());
  CHECK(f.pipeline.Usage().completion_tokens == 7);
}

TEST_CASE("each token that shows something is a piece of its own") {
  Fixture f;
  for (const engine::TokenId id : Ids("a\xc3\xa4"
                                      "b"))
    f.stream->Push(Token(id));
  const std::vector<OutputPiece> pieces = f.pipeline.Next();
  REQUIRE(pieces.size() == 3);
  CHECK(pieces[1].content == "\xc3\xa4");
  CHECK_FALSE(pieces[2].last);
  CHECK(f.Finish(FinishReason::kLength).last);
}

TEST_CASE("the end token is counted and not shown") {
  Fixture f({.end_ids = {kEnd}, .logprobs = true});
  CHECK(Texts(f.Feed("ok").tokens) == "ok");
  const OutputPiece last = f.FeedIds({kEnd});
  CHECK(last.empty());
  CHECK(f.Finish(FinishReason::kStop).empty());
  CHECK(f.pipeline.finish_reason() == "stop");
  CHECK(f.pipeline.Usage().completion_tokens == 3);
}

TEST_CASE("a stop string ends the sequence, is not shown, and the tokens up to it are counted") {
  Fixture f({.stop = {"END"}, .logprobs = true});
  CHECK(f.Feed("xE").content == "x");
  CHECK(f.Feed("N").content == "");
  const OutputPiece piece = f.Feed("Dyz");
  CHECK(piece.empty());
  CHECK(f.pipeline.done());
  CHECK(f.stream->cancelled());
  CHECK(f.pipeline.finish_reason() == "stop");
  f.Finish(FinishReason::kCancelled, {.prompt_tokens = 9, .cached_tokens = 5, .completion_tokens = 6});
  CHECK_FALSE(f.pipeline.failure());
  const engine::Usage usage = f.pipeline.Usage();
  CHECK(usage.completion_tokens == 4);
  CHECK(usage.prompt_tokens == 9);
  CHECK(usage.cached_tokens == 5);
}

TEST_CASE("stop strings count only behind min_tokens") {
  Fixture f({.stop = {"b"}, .min_tokens = 3});
  CHECK(f.Feed("abb").content == "abb");
  CHECK_FALSE(f.pipeline.done());
  CHECK(f.Feed("ab").content == "a");
  CHECK(f.pipeline.finish_reason() == "stop");
}

TEST_CASE("stop strings are looked for in content, and never cut a call") {
  const std::string call = R"({"name": "f", "parameters": {"a": "Paris, France\n\n"}})";
  const std::string hermes = "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": \"Paris\"}}\n</tool_call>";
  for (const bool constrained : {true, false}) {
    for (const std::string stop : {"Par", "}", "\"", "name", ", ", "call>", "\n"}) {
      CAPTURE(stop);
      Fixture llama({.stop = {stop}, .tools = api::ToolCallParser::Options{.constrained = constrained}});
      std::string arguments;
      const auto add = [&](const OutputPiece& piece) {
        for (const api::ToolCallDelta& delta : piece.calls) arguments += delta.arguments;
        CHECK(piece.content == "");
      };
      add(llama.Feed(call));
      add(llama.Finish(FinishReason::kStop));
      CHECK(arguments == call.substr(28, call.size() - 29));
      CHECK(llama.pipeline.finish_reason() == "tool_calls");
      const api::ToolCallParser::Options options{.format = api::ToolFormat::kHermes, .constrained = constrained};
      Fixture f({.stop = {stop}, .tools = options});
      f.Feed(hermes);
      f.Finish(FinishReason::kStop);
      CHECK(f.pipeline.finish_reason() == "tool_calls");
      Fixture content({.stop = {stop}, .logprobs = true, .tools = options});
      CHECK(content.Feed("Say " + stop + hermes).content == "Say ");
      CHECK(content.pipeline.done());
      CHECK(content.stream->cancelled());
      CHECK(content.pipeline.finish_reason() == "stop");
    }
  }
}

TEST_CASE("a stop string of white space ends the answer when it has come, not behind it") {
  Fixture f({.stop = {"\n\n"}, .tools = api::ToolCallParser::Options{}});
  f.Feed("Yes.\n");
  CHECK_FALSE(f.pipeline.done());
  f.Feed("\n");
  CHECK(f.pipeline.done());
}

TEST_CASE("a stop string that does not come lets its beginning out, with its tokens") {
  Fixture f({.stop = {"END"}, .logprobs = true});
  OutputPiece piece = f.Feed("aEN");
  CHECK(piece.content == "a");
  CHECK(Texts(piece.tokens) == "a");
  piece = f.Feed("E");
  CHECK(piece.content == "EN");
  CHECK(Texts(piece.tokens) == "EN");
  piece = f.Finish(FinishReason::kStop);
  CHECK(piece.content == "E");
  CHECK(Texts(piece.tokens) == "E");
  CHECK(piece.tokens[0].text_offset == 3);
}

TEST_CASE("a stop string may be shown") {
  Fixture f({.stop = {"END"}, .include_stop = true, .logprobs = true});
  const OutputPiece piece = f.Feed("aENDb");
  CHECK(piece.content == "aEND");
  CHECK(Texts(piece.tokens) == "aEND");
}

TEST_CASE("log-probabilities come with the text of their tokens, offsets count characters") {
  Fixture f({.logprobs = true});
  CHECK(f.Feed("\xc3").tokens.empty());
  const OutputPiece piece = f.Feed("\xa4z");
  CHECK(piece.content == "\xc3\xa4z");
  REQUIRE(piece.tokens.size() == 3);
  CHECK(piece.tokens[0].text_offset == 0);
  CHECK(piece.tokens[1].text_offset == 0);
  CHECK(piece.tokens[2].text_offset == 1);
  CHECK(piece.tokens[2].logprobs->logprob == -0.5f * 'z');
}

TEST_CASE("echo comes first, in one piece or token by token with scores") {
  std::vector<engine::TokenId> prompt = Ids("h\xc3\xa9");
  prompt.insert(prompt.begin(), kBos);
  Fixture plain({.echo = prompt});
  CHECK(plain.Next().empty());
  CHECK(plain.Feed("!").content == "h\xc3\xa9!");
  Fixture scored({.logprobs = true, .echo = prompt});
  for (const engine::TokenId id : prompt) {
    TokenEvent event = Token(id);
    event.kind = TokenEvent::Kind::kPromptToken;
    if (id == kBos) event.logprobs.reset();
    scored.stream->Push(std::move(event));
  }
  OutputPiece piece = scored.Feed("!");
  CHECK(piece.content == "h\xc3\xa9!");
  REQUIRE(piece.tokens.size() == 5);
  CHECK(piece.tokens[0].id == kBos);
  CHECK_FALSE(piece.tokens[0].logprobs);
  CHECK(piece.tokens[1].text_offset == 0);
  CHECK(piece.tokens[2].text_offset == 1);
  CHECK(piece.tokens[4].text_offset == 2);
}

TEST_CASE("max_tokens 0: the prompt alone") {
  Fixture f({.logprobs = true, .echo = Ids("p")});
  TokenEvent event = Token('p');
  event.kind = TokenEvent::Kind::kPromptToken;
  f.stream->Push(std::move(event));
  const OutputPiece piece = f.Finish(FinishReason::kLength);
  CHECK(piece.content == "p");
  CHECK(Texts(piece.tokens) == "p");
  CHECK(f.pipeline.finish_reason() == "length");
  CHECK(f.pipeline.Usage().completion_tokens == 0);
}

TEST_CASE("tool calls become deltas, the special token before them is read") {
  Fixture f({.end_ids = {kEnd}, .tools = api::ToolCallParser::Options{}});
  CHECK(f.FeedIds({kPythonTag}).empty());
  std::string content;
  std::vector<api::ToolCallDelta> calls;
  const auto add = [&](const OutputPiece& piece) {
    content += piece.content;
    calls.insert(calls.end(), piece.calls.begin(), piece.calls.end());
  };
  add(f.Feed("{\"name\": \"f\", \"parameters\": {\"x\": 1}}"));
  add(f.FeedIds({kEnd}));
  add(f.Finish(FinishReason::kStop));
  CHECK(content == "");
  REQUIRE_FALSE(calls.empty());
  CHECK(calls[0].name == "f");
  CHECK(f.pipeline.finish_reason() == "tool_calls");
  Fixture text({.tools = api::ToolCallParser::Options{}});
  CHECK(text.Feed("Hello, you").content == "Hello, you");
  text.Finish(FinishReason::kStop);
  CHECK(text.pipeline.finish_reason() == "stop");
}

TEST_CASE("failures are told apart from ends") {
  for (const FinishReason reason : {FinishReason::kError, FinishReason::kShutdown}) {
    Fixture f({.echo = Ids("p")});
    CHECK(f.Finish(reason).empty());
    REQUIRE(f.pipeline.failure());
    CHECK(f.pipeline.failure()->reason == reason);
  }
}

TEST_CASE("a pipeline that is dropped cancels its sequence") {
  auto f = std::make_unique<Fixture>();
  const auto stream = f->stream;
  CHECK_FALSE(stream->cancelled());
  f.reset();
  CHECK(stream->cancelled());
}

}  // namespace
}  // namespace puna::server
