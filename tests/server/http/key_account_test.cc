#include "server/http/key_account.h"

#include <doctest/doctest.h>

#include "api/json/error.h"
#include "server/http/api_keys.h"

namespace puna::server {
namespace {

using std::chrono::seconds;
using Clock = KeyAccount::Clock;

config::ClientKey Limits(int requests, int tokens, int streams) {
  config::ClientKey key;
  key.name = "alice";
  key.key = "secret";
  key.requests_per_minute = requests;
  key.tokens_per_minute = tokens;
  key.streams = streams;
  return key;
}

AccessLine Answered(int prompt_tokens, int completion_tokens) {
  AccessLine line;
  line.prompt_tokens = prompt_tokens;
  line.completion_tokens = completion_tokens;
  line.queue_seconds = 0.5;
  return line;
}

TEST_CASE("who waits and who is connected counts while it does") {
  const auto account = std::make_shared<KeyAccount>("alice");
  {
    const auto waiting = account->Wait(), other = account->Wait(), connected = account->Connect();
    CHECK(account->usage().waiting == 2);
    CHECK(account->usage().connections == 1);
    CHECK(account->usage().in_progress == 0);
  }
  CHECK(account->usage().waiting == 0);
  CHECK(account->usage().connections == 0);
}

// The refusal, or nothing.
std::optional<api::ApiError> Try(KeyAccount& account, Clock::time_point now, KeyAccount::Headers* headers = nullptr) {
  KeyAccount::Headers unused;
  try {
    account.Admit(headers != nullptr ? *headers : unused, now);
  } catch (const api::ApiError& error) {
    return error;
  }
  return std::nullopt;
}

TEST_CASE("requests a minute: so many at once, then one whenever it has filled again") {
  const auto account = std::make_shared<KeyAccount>("alice");
  const Clock::time_point start = Clock::now();
  account->SetLimits(Limits(3, 0, 0), start);
  KeyAccount::Headers headers;
  CHECK_FALSE(Try(*account, start, &headers));
  CHECK(headers == KeyAccount::Headers{{"x-ratelimit-limit-requests", "3"},
                                       {"x-ratelimit-remaining-requests", "2"},
                                       {"x-ratelimit-reset-requests", "20s"}});
  CHECK_FALSE(Try(*account, start));
  CHECK_FALSE(Try(*account, start));
  const auto refused = Try(*account, start + seconds(5), &headers);
  REQUIRE(refused);
  CHECK(refused->status() == 429);
  CHECK(refused->type() == "requests");
  CHECK(refused->code() == "rate_limit_exceeded");
  CHECK(refused->retry_after() == 15);
  CHECK(headers["x-ratelimit-remaining-requests"] == "0");
  CHECK_FALSE(Try(*account, start + seconds(20)));
  CHECK(Try(*account, start + seconds(21)));
  CHECK_FALSE(Try(*account, start + seconds(600)));
  CHECK(account->usage().refused_requests == 2);
}

TEST_CASE("tokens a minute: what a request took is paid before the next") {
  const auto account = std::make_shared<KeyAccount>("alice");
  const Clock::time_point start = Clock::now();
  account->SetLimits(Limits(0, 600, 0), start);
  CHECK_FALSE(Try(*account, start));
  account->Note(Answered(500, 700), start);
  KeyAccount::Headers headers;
  const auto refused = Try(*account, start, &headers);
  REQUIRE(refused);
  CHECK(refused->type() == "tokens");
  CHECK(refused->retry_after() == 61);  // 600 are owed, and one is wanted
  CHECK(headers["x-ratelimit-limit-tokens"] == "600");
  CHECK(headers["x-ratelimit-remaining-tokens"] == "0");
  CHECK(headers["x-ratelimit-reset-tokens"] == "2m0s");
  CHECK_FALSE(Try(*account, start + seconds(62)));
  const KeyUsage usage = account->usage();
  CHECK(usage.prompt_tokens == 500);
  CHECK(usage.completion_tokens == 700);
  CHECK(usage.requests == 1);
  CHECK(usage.queue_seconds == 0.5);
}

TEST_CASE("streams: as many at once as are still held") {
  const auto account = std::make_shared<KeyAccount>("alice");
  account->SetLimits(Limits(0, 0, 2));
  KeyAccount::Headers headers;
  std::shared_ptr<void> first = account->Admit(headers), second = account->Admit(headers);
  CHECK(headers.empty());
  CHECK(account->usage().in_progress == 2);
  REQUIRE(Try(*account, Clock::now()));
  CHECK(account->usage().refused_streams == 1);
  first.reset();
  CHECK_FALSE(Try(*account, Clock::now()));
  second.reset();
  CHECK(account->usage().in_progress == 0);
}

TEST_CASE("a reload keeps what was counted, and gives nobody a new minute") {
  KeyAccounts accounts;
  const ApiKeys before({}, {Limits(1, 0, 0)}, accounts);
  KeyAccount::Headers headers;
  before.Check("Bearer secret").account->Admit(headers);
  const ApiKeys after({"other"}, {Limits(1, 0, 0)}, accounts);
  const Caller caller = after.Check("Bearer secret");
  CHECK(Try(*caller.account, Clock::now()));
  CHECK(after.Check("Bearer other").account->name() == "key1");
  CHECK(after.Check("Bearer other").tenant != caller.tenant);
  CHECK(accounts.usage().size() == 2);
}

TEST_CASE("a key of which only the hash is known") {
  config::ClientKey key = Limits(0, 0, 0);
  key.key.clear();
  key.sha256 = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";  // of "secret"
  KeyAccounts accounts;
  const ApiKeys keys({}, {key}, accounts);
  CHECK(keys.Check("Bearer secret").account->name() == "alice");
  CHECK_THROWS_AS(keys.Check("Bearer " + key.sha256), api::ApiError);
}

TEST_CASE("a salt for the prefix cache: another one for each key, and only where it is wanted") {
  config::ClientKey salted = Limits(0, 0, 0);
  salted.cache_salt = true;
  KeyAccounts accounts;
  const ApiKeys some({"other"}, {salted}, accounts);
  CHECK(some.Check("Bearer other").cache_salt.empty());
  CHECK(some.Check("Bearer secret").cache_salt.size() == 32);
  const ApiKeys all({"other"}, {salted}, accounts, /*salt_all=*/true);
  CHECK(all.Check("Bearer secret").cache_salt == some.Check("Bearer secret").cache_salt);
  CHECK(all.Check("Bearer other").cache_salt.size() == 32);
  CHECK(all.Check("Bearer other").cache_salt != all.Check("Bearer secret").cache_salt);
}

}  // namespace
}  // namespace puna::server
