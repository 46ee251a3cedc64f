// The table of schemas: each with values that must and must not be possible, and random walks.
#include <doctest/doctest.h>

#include <fstream>
#include <random>
#include <string>

#include "engine/grammar/schema/json_nodes.h"
#include "tests/engine/grammar/compile_support.h"
#include "tests/engine/grammar/grammar_runner.h"
#include "tests/engine/grammar/schema_validator.h"

namespace puna::engine {
namespace {

// A random text of the grammar. Once it is long, what ends it soonest is preferred, one quotation mark
// or bracket at a time.
std::string RandomText(const Grammar& grammar, uint64_t seed) {
  std::mt19937_64 random(seed);
  StackArena arena(grammar);
  StackSet state = arena.Start();
  std::string text;
  while (text.size() < 20'000) {
    const ByteSet next = arena.NextBytes(state);
    if (state.accepting && (next.none() || text.size() > 300 || random() % 4 == 0)) return text;
    std::vector<uint8_t> bytes;
    for (size_t b = 0; b < 256; ++b) {
      if (next[b]) bytes.push_back(static_cast<uint8_t>(b));
    }
    uint8_t byte = bytes[random() % bytes.size()];
    if (text.size() > 60) {
      for (const char closing : {'"', ']', '}', 'n', '0'}) {
        if (!next[static_cast<uint8_t>(closing)]) continue;
        byte = static_cast<uint8_t>(closing);
        break;
      }
    }
    text += static_cast<char>(byte);
    state = arena.Step(state, byte);
    REQUIRE_FALSE(state.dead());
  }
  return "";
}

TEST_CASE("schemas allow what satisfies them and nothing else") {
  std::ifstream file(PUNA_SOURCE_DIR "/tests/engine/grammar/data/schemas.jsonl");
  std::string line;
  int count = 0, walks = 0;
  for (; std::getline(file, line); ++count) {
    const Json entry = Json::parse(line);
    const std::string schema = entry["schema"].dump();
    CAPTURE(schema);
    const Grammar grammar = CompileJsonSchema(schema);
    for (const Json& value : entry["valid"]) {
      const std::string text = DumpJson(value);
      CAPTURE(text);
      CHECK(Run(grammar, text) == Match::kWhole);
      CHECK(Validates(value, entry["schema"], entry["schema"]));
    }
    for (const Json& value : entry["invalid"]) {
      const std::string text = DumpJson(value);
      CAPTURE(text);
      CHECK(Run(grammar, text) != Match::kWhole);
    }
    for (uint64_t seed = 0; seed < 20; ++seed) {
      const std::string text = RandomText(grammar, seed);
      if (text.empty()) continue;
      ++walks;
      CAPTURE(text);
      const Json value = Json::parse(text, nullptr, false);
      REQUIRE_FALSE(value.is_discarded());
      CHECK(Validates(value, entry["schema"], entry["schema"]));
    }
  }
  CHECK(count >= 200);
  CHECK(walks > 15 * count);
}

}  // namespace
}  // namespace puna::engine
