#include "config/client_key.h"

#include <doctest/doctest.h>

#include "config/options.h"

namespace puna::config {
namespace {

std::string ErrorOf(const std::string& text) {
  try {
    ReadClientKeys(text, "keys.json");
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

std::string ErrorOfKey(const std::string& members) { return ErrorOf(R"({"keys": [{)" + members + "}]}"); }

TEST_CASE("keys with names and limits, in clear or as hashes; comments are allowed") {
  const std::string hash(64, 'A');
  const auto keys = ReadClientKeys(R"({"keys": [  // ours
      {"name": "alice", "key": "sk-1", "requests_per_minute": 60, "tokens_per_minute": 1000, "streams": 2, "share": 3,
       "cache_salt": true},
      {"name": "bob@home", "sha256": ")" +
                                       hash + R"("}]})",
                                   "keys.json");
  REQUIRE(keys.size() == 2);
  CHECK(keys[0].name == "alice");
  CHECK(keys[0].key == "sk-1");
  CHECK(keys[0].requests_per_minute == 60);
  CHECK(keys[0].tokens_per_minute == 1000);
  CHECK(keys[0].streams == 2);
  CHECK(keys[0].share == 3);
  CHECK(keys[0].cache_salt);
  CHECK(keys[1].key.empty());
  CHECK(keys[1].sha256 == std::string(64, 'a'));
  CHECK(keys[1].share == 1);
}

TEST_CASE("what is wrong is named by its place, and a key is never shown") {
  CHECK(ErrorOf("{") == "keys.json: not JSON: at byte 2");
  CHECK(ErrorOf("[]") == "keys.json: expected {\"keys\": [...]} and no other member");
  CHECK(ErrorOf(R"({"keys": []})") == "keys.json: no key in it");
  CHECK(ErrorOf(R"({"keys": ["secret"]})") == "keys.json: key 1: expected an object, found string");
  CHECK(ErrorOfKey(R"("name": "a", "key": "secret", "sha256": ")" + std::string(64, '0') + "\"") ==
        "keys.json: key 1: \"key\": expected either this or \"sha256\"");
  CHECK(ErrorOfKey(R"("name": "a")") == "keys.json: key 1: \"key\": expected either this or \"sha256\"");
  CHECK(ErrorOfKey(R"("name": "a b", "key": "secret")") ==
        "keys.json: key 1: \"name\": expected 1 to 64 letters, digits and -_.@");
  CHECK(ErrorOfKey(R"("name": "a", "sha256": "12")") == "keys.json: key 1: \"sha256\": expected 64 hexadecimal digits");
  CHECK(ErrorOfKey(R"("name": "a", "key": {"secret": 1})") ==
        "keys.json: key 1: \"key\": expected a string, found object");
  CHECK(ErrorOfKey(R"("name": "a", "key": "secret", "streams": -1)") ==
        "keys.json: key 1: \"streams\": expected a whole number from 0 to 1073741824, found -1");
  for (const char* share : {"0", "1001", "1e3", "18446744073709551615"}) {
    CAPTURE(share);
    CHECK(ErrorOfKey(R"("name": "a", "key": "secret", "share": )" + std::string(share))
              .starts_with("keys.json: key 1: \"share\": expected a whole number from 1 to 1000, found "));
  }
  CHECK(ErrorOfKey(R"("name": "a", "key": "secret", "stream": 1)") ==
        "keys.json: key 1: unknown member \"stream\"; did you mean streams?");
  CHECK(ErrorOfKey(R"("name": "a", "key": "se cret")").find("se cret") == std::string::npos);
  CHECK(ErrorOf(R"({"keys": [{"name": "a", "key": "x"}, {"name": "a", "key": "y"}]})") ==
        "keys.json: key 2: the name \"a\" stands twice");
}

}  // namespace
}  // namespace puna::config
