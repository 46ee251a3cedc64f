#include "engine/request/token_stream.h"

#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <thread>

namespace puna::engine {
namespace {

using std::chrono::milliseconds;

TokenEvent Token(TokenId id) {
  TokenEvent event;
  event.id = id;
  return event;
}

TEST_CASE("events arrive in order and once") {
  auto stream = std::make_shared<TokenStream>();
  TokenReader reader(stream);
  stream->Push(Token(1));
  stream->Push(Token(2));
  const auto events = reader.Wait(milliseconds(0));
  REQUIRE(events.size() == 2);
  CHECK(events[0].id == 1);
  CHECK(events[1].id == 2);
  CHECK(reader.Wait(milliseconds(0)).empty());
}

TEST_CASE("a waiting reader wakes for each push") {
  auto stream = std::make_shared<TokenStream>();
  TokenReader reader(stream);
  constexpr int kCount = 2000;
  std::jthread writer([&stream] {
    for (int i = 0; i < kCount; ++i) stream->Push(Token(i));
  });
  int next = 0;
  while (next < kCount) {
    const auto events = reader.Wait(milliseconds(20000));
    REQUIRE_FALSE(events.empty());
    for (const TokenEvent& event : events) CHECK(event.id == next++);
  }
}

TEST_CASE("what waits for its reader is counted, with all that belongs to it, until it is read or nobody will") {
  const auto total = std::make_shared<std::atomic<size_t>>(0);
  auto stream = std::make_shared<TokenStream>(total);
  TokenReader reader(stream);
  stream->Push(Token(1));
  const size_t plain = *total;
  CHECK(plain >= sizeof(TokenEvent));
  TokenEvent rich = Token(2);
  rich.logprobs.emplace().top.resize(20);
  stream->Push(std::move(rich));
  CHECK(*total >= 2 * plain + 20 * sizeof(TokenLogprob));
  CHECK(reader.Wait(milliseconds(0)).size() == 2);
  CHECK(*total == 0);
  TokenEvent embedding;
  embedding.kind = TokenEvent::Kind::kEmbedding;
  embedding.embedding.resize(1000);
  stream->Push(std::move(embedding));
  CHECK(*total >= 4000);
  auto other = std::make_shared<TokenStream>(total);
  other->Push(Token(3));
  const size_t both = *total;
  stream.reset();
  CHECK(*total == both);  // the reader has it
  reader = TokenReader(other);
  CHECK(*total == plain);
  CHECK(reader.Wait(milliseconds(0)).size() == 1);
  CHECK(*total == 0);
}

TEST_CASE("a reader that goes away cancels, one that moves does not") {
  auto stream = std::make_shared<TokenStream>();
  {
    TokenReader outer = [&stream] {
      TokenReader inner(stream);
      return TokenReader(std::move(inner));
    }();
    CHECK_FALSE(stream->cancelled());
  }
  CHECK(stream->cancelled());
}

TEST_CASE("a reader that cancels has had enough, also when it then goes away") {
  auto stream = std::make_shared<TokenStream>();
  auto left = std::make_shared<TokenStream>();
  {
    TokenReader reader(stream);
    reader.Cancel();
    CHECK(stream->cancelled());
    const TokenReader other(left);
  }
  CHECK(stream->had_enough());
  CHECK(left->cancelled());
  CHECK_FALSE(left->had_enough());
}

TEST_CASE("assigning over a reader cancels what it read") {
  auto first = std::make_shared<TokenStream>();
  auto second = std::make_shared<TokenStream>();
  TokenReader reader(first);
  reader = TokenReader(second);
  CHECK(first->cancelled());
  CHECK_FALSE(second->cancelled());
}

}  // namespace
}  // namespace puna::engine
