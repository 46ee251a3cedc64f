#include "config/options.h"

#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "config/help.h"

namespace puna::config {
namespace {

TEST_CASE("config/default.json holds every key with the compiled default, in the table's order") {
  std::ifstream in(PUNA_SOURCE_DIR "/config/default.json");
  REQUIRE(in);
  CHECK(nlohmann::ordered_json::parse(in).dump() == ToJson(Config{}).dump());
}

TEST_CASE("names follow from the key and are unique") {
  std::set<std::string> names;
  for (const Option& option : Options()) {
    CHECK(names.insert(option.flag()).second);
    CHECK(FindByFlag(option.flag()) == &option);
    CHECK(FindByKey(option.key) == &option);
  }
  CHECK(FindByKey("max_num_seqs")->flag() == "--max-num-seqs");
  CHECK(FindByKey("max_num_seqs")->environment() == "PUNA_MAX_NUM_SEQS");
  CHECK(FindByKey("api_key_file")->environment() == "PUNA_API_KEY_FILE");
}

TEST_CASE("every default lies in its own range") {
  for (const Option& option : Options()) {
    CAPTURE(option.key);
    Config config;
    const nlohmann::json value = GetAsJson(option, config);
    CHECK_NOTHROW(SetFromJson(option, config, value, "default"));
    CHECK(ToJson(config) == ToJson(Config{}));
  }
}

TEST_CASE("values out of range name the place, the value and the range") {
  Config config;
  const Option& port = *FindByKey("port");
  for (const char* bad : {"65536", "-1", "", "80x", "8e3", " 80", "tcp"}) {
    CHECK_THROWS_WITH_AS(
        SetFromText(port, config, bad, "flag --port"),
        ("flag --port: found \"" + std::string(bad) + "\", expected a whole number from 0 to 65535").c_str(),
        ConfigError);
  }
  const Option& gib = *FindByKey("kv_cache_gib");
  for (const char* bad : {"nan", "inf", "-0.5", "1,5"})
    CHECK_THROWS_AS(SetFromText(gib, config, bad, "x"), ConfigError);
  SetFromText(gib, config, "1.5", "x");
  CHECK(config.engine.kv_cache_gib == 1.5);
  CHECK_THROWS_WITH_AS(SetFromText(*FindByKey("weights"), config, "w8a9", "flag --weights"),
                       "flag --weights: found \"w8a9\", expected one of auto, bf16, w8a8, w4a8; did you mean w8a8?",
                       ConfigError);
}

TEST_CASE("a JSON value must have the option's type") {
  Config config;
  CHECK_THROWS_WITH_AS(SetFromJson(*FindByKey("port"), config, "8080", "c.json: key \"port\""),
                       "c.json: key \"port\": found \"\"8080\"\", expected a whole number from 0 to 65535",
                       ConfigError);
  CHECK_THROWS_AS(SetFromJson(*FindByKey("port"), config, 80.5, ""), ConfigError);
  CHECK_THROWS_AS(SetFromJson(*FindByKey("prefix_caching"), config, 1, ""), ConfigError);
  CHECK_THROWS_AS(SetFromJson(*FindByKey("host"), config, 1, ""), ConfigError);
  CHECK_THROWS_AS(SetFromJson(*FindByKey("api_key"), config, nlohmann::json::array({1}), ""), ConfigError);
  SetFromJson(*FindByKey("api_key"), config, nlohmann::json::array({"a", "b,c"}), "");
  CHECK(config.server.api_keys == std::vector<std::string>{"a", "b,c"});
  SetFromJson(*FindByKey("api_key"), config, "d,e", "");
  CHECK(config.server.api_keys == std::vector<std::string>{"d", "e"});
}

TEST_CASE("the nearest name is suggested, a far one is not") {
  const std::vector<std::string> names = {"port", "host", "max_num_seqs"};
  CHECK(DidYouMean("prot", names) == "; did you mean port?");
  CHECK(DidYouMean("max_num_seq", names) == "; did you mean max_num_seqs?");
  CHECK(DidYouMean("zzzzzzzz", names) == "");
  CHECK(DidYouMean("x", {"", "pace"}) == "");  // nothing at all is no suggestion
}

TEST_CASE("help and the documentation's table name every option") {
  const std::string help = OptionsHelp(ServeOptions()), table = OptionsMarkdown();
  for (const Option& option : Options()) {
    CAPTURE(option.key);
    CHECK(help.find(option.flag().substr(2)) != std::string::npos);
    CHECK(table.find("| `" + option.flag() + "` | `" + option.environment() + "` | `" + std::string(option.key) +
                     "` |") != std::string::npos);
  }
  for (size_t begin = 0; begin < help.size();) {
    const size_t end = help.find('\n', begin);
    CHECK(end - begin <= 100);
    begin = end + 1;
  }
  CHECK(help.find("[0..65535,") != std::string::npos);
  CHECK(help.find("8080]") != std::string::npos);
}

}  // namespace
}  // namespace puna::config
