// Whole model folders, as people have them and as nobody should: each runs, or is refused in a sentence, before anything else.

#include <doctest/doctest.h>

#include <filesystem>
#include <string>

#include "tests/support/drive_model.h"
#include "tests/support/shared_data.h"

namespace puna::engine {
namespace {

using namespace puna::engine::testing;
using puna::testing::HaveShared;
using puna::testing::SharedPath;

Driven DriveCase(const std::string& name) { return DriveFolder(SharedPath("cases/models/" + name)); }

TEST_CASE("a split file loads by any of its parts and by its folder") {
  if (!HaveShared("cases/models/02")) return;
  for (const char* name : {"02", "02/model-00001-of-00002.gguf", "02/model-00002-of-00002.gguf"}) {
    const Driven driven = DriveCase(name);
    CAPTURE(name);
    CAPTURE(driven.refusal);
    CHECK((driven.ran && driven.finite));
  }
}

TEST_CASE("odd sizes run, or are refused before anything is loaded") {
  if (!HaveShared("cases/models/23")) return;
  for (const auto& entry : std::filesystem::directory_iterator(SharedPath("cases/models/23"))) {
    const std::string name = entry.path().filename();
    const Driven driven = DriveFolder(entry.path());
    CAPTURE(name);
    CAPTURE(driven.refusal);
    const bool odd_head = name == "d100" || name == "d16" || name == "d4" || name == "d48" || name == "d544";
    if (odd_head) {
      CHECK(driven.refusal.find("head_dim") != std::string::npos);
    } else {
      CHECK((driven.ran && driven.finite));
    }
  }
}

TEST_CASE("every folder of the cases ends in numbers or in a sentence") {
  if (!HaveShared("cases/models")) return;
  int ran = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(SharedPath("cases/models"))) {
    if (!entry.is_directory()) continue;
    const Driven driven = DriveFolder(entry.path());
    CAPTURE(entry.path().string());
    CAPTURE(driven.refusal);
    CHECK((driven.ran || !driven.refusal.empty()));
    CHECK(driven.refusal.find('\n') == std::string::npos);
    ran += driven.ran;
  }
  CHECK(ran > 30);
}

std::string Config(const std::string& more) { return puna::testing::TinyConfigJson({.head_dim = 32}, more); }

// The same config.json with another value of `key`, as JSON.
std::string ConfigWith(const std::string& key, const std::string& value) {
  std::string config = Config("");
  const std::string quoted = "\"" + key + "\":";
  const size_t at = config.find(quoted) + quoted.size();
  return config.replace(at, config.find_first_of(",}", at) - at, value);
}

TEST_CASE("whatever a config.json says is run or refused") {
  CHECK(DriveConfig(Config("")).ran);
  for (const char* key : {"head_dim", "hidden_size", "num_attention_heads", "num_key_value_heads", "intermediate_size",
                          "vocab_size", "num_hidden_layers", "max_position_embeddings"}) {
    for (const char* value : {"-1", "0",   "1",   "2",          "3",    "5",   "7",    "31",     "33", "63",  "65",
                              "96", "127", "513", "2147483647", "1e30", "0.5", "null", "\"32\"", "[]", "true"}) {
      const std::string config = ConfigWith(key, value);
      CAPTURE(config);
      const Driven driven = DriveConfig(config);
      CAPTURE(driven.refusal);
      if (driven.ran) CHECK(driven.finite);
    }
  }
}

TEST_CASE("whatever a config.json says of rope and norm is run or refused") {
  for (const char* value : {"-1", "0", "1e-30", "1e30", "1e999", "-1e30", "null", "\"x\""}) {
    for (const std::string key : {"rope_theta", "rms_norm_eps"}) {
      const std::string config = ConfigWith(key, value);
      CAPTURE(config);
      const Driven driven = DriveConfig(config);
      CAPTURE(driven.refusal);
      if (driven.ran) CHECK(driven.finite);
    }
    for (const std::string type : {"linear", "dynamic", "yarn", "llama3"}) {
      for (const std::string key : {"factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings",
                                    "beta_fast", "beta_slow", "attention_factor"}) {
        const std::string scaling =
            ",\"rope_scaling\":{\"rope_type\":\"" + type + "\",\"" + key + "\":" + value +
            (key == "factor" ? "" : ",\"factor\":4.0") + (key == "low_freq_factor" ? "" : ",\"low_freq_factor\":1.0") +
            (key == "high_freq_factor" ? "" : ",\"high_freq_factor\":4.0") +
            (key == "original_max_position_embeddings" ? "}" : ",\"original_max_position_embeddings\":1024}");
        CAPTURE(scaling);
        const Driven driven = DriveConfig(Config(scaling));
        CAPTURE(driven.refusal);
        if (driven.ran) CHECK(driven.finite);
      }
    }
  }
}

}  // namespace
}  // namespace puna::engine
