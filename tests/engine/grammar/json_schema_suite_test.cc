// The public test suite of JSON Schema: what the compiler takes without a loss, and that nothing which such a schema rules
// out can be written. The suite is not part of this tree: Debian's package json-schema-test-suite has it up to draft 7,
// and PUNA_JSON_SCHEMA_SUITE names a folder with the newest.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "engine/grammar/compile.h"
#include "engine/grammar/schema/json_nodes.h"
#include "tests/engine/grammar/grammar_runner.h"

namespace puna::engine {
namespace {

namespace fs = std::filesystem;

struct Tally {
  int schemas = 0, whole = 0, violations = 0, invalid = 0, valid = 0, writable = 0;
  std::string missing;  // files of which some schema is not taken as a whole
};

std::string Folder() {
  const char* named = std::getenv("PUNA_JSON_SCHEMA_SUITE");
  return named != nullptr ? named : "/usr/share/json-schema-test-suite/tests";
}

// The draft is said by the folder; a schema of its own says it itself.
std::string WithDraft(Json schema, const std::string& draft) {
  const bool old = draft == "draft4" || draft == "draft6" || draft == "draft7";
  if (schema.is_object() && old && !schema.contains("$schema"))
    schema["$schema"] = "http://json-schema.org/draft-0" + draft.substr(5) + "/schema#";
  return schema.dump();
}

void CountInstances(const Grammar& grammar, const Json& group, const std::string& file, Tally& tally) {
  for (const Json& test : group["tests"]) {
    const bool matches = Run(grammar, DumpJson(test["data"])) == Match::kWhole;
    if (test["valid"].get<bool>()) {
      ++tally.valid;
      tally.writable += matches ? 1 : 0;
      continue;
    }
    ++tally.invalid;
    tally.violations += matches ? 1 : 0;
    if (matches) MESSAGE(file << ": " << group["description"] << ": " << test["description"] << " can be written");
  }
}

void CountFile(const fs::path& path, const std::string& draft, Tally& tally) {
  std::ifstream in(path);
  bool whole = true;
  for (const Json& group : Json::parse(in)) {
    ++tally.schemas;
    try {
      const Grammar grammar = CompileAnswer({AnswerSpec::Kind::kJsonSchema, WithDraft(group["schema"], draft)});
      ++tally.whole;
      CountInstances(grammar, group, path.filename(), tally);
    } catch (const GrammarError& e) {
      // A schema that nothing satisfies is taken as what it is.
      if (std::string(e.what()).find("nothing can satisfy it") != std::string::npos)
        ++tally.whole;
      else
        whole = false;
      if (std::getenv("PUNA_JSON_SCHEMA_SUITE_SHOW") != nullptr)
        MESSAGE(path.filename().string() << ": " << group["description"] << ": " << std::string(e.what()));
    }
  }
  if (!whole) tally.missing += " " + path.stem().string();
}

// The README's row of the draft from a suite with so many schemas: what is published is what was counted here.
std::string PublishedRow(const std::string& draft, int schemas) {
  std::ifstream in(PUNA_SOURCE_DIR "/README.md");
  const std::string begin = "| " + draft.substr(5) + " | ", whole = " of " + std::to_string(schemas) + " |";
  for (std::string line; std::getline(in, line);)
    if (line.starts_with(begin) && line.find(whole) != std::string::npos) return line;
  return {};
}

std::string Row(const std::string& draft, const Tally& t) {
  const auto share = [](int part, int whole) { return std::to_string(part) + " of " + std::to_string(whole); };
  return "| " + draft.substr(5) + " | " + share(t.whole, t.schemas) + " | " + share(t.violations, t.invalid) + " | " +
         share(t.writable, t.valid) + " |";
}

TEST_CASE("nothing that the JSON Schema test suite rules out can be written") {
  if (!fs::exists(Folder())) {
    MESSAGE("skipped: there is no " << Folder() << "; apt-get install json-schema-test-suite");
    return;
  }
  for (const char* draft : {"draft4", "draft6", "draft7", "draft2019-09", "draft2020-12"}) {
    const fs::path folder = fs::path(Folder()) / draft;
    if (!fs::exists(folder)) continue;
    Tally tally;
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (entry.path().extension() == ".json") CountFile(entry.path(), draft, tally);
    }
    MESSAGE(std::string(draft) << ": " << tally.whole << " of " << tally.schemas << " schemas enforced whole; of "
                               << tally.invalid << " instances that they rule out " << tally.violations
                               << " can be written, of " << tally.valid << " others " << tally.writable
                               << " (properties in the schema's order); not whole in:" << tally.missing);
    CHECK(tally.violations == 0);
    CHECK(tally.whole * 100 >= tally.schemas * 80);
    const std::string published = PublishedRow(draft, tally.schemas);
    if (!published.empty()) CHECK(Row(draft, tally) == published);  // other suites have more schemas, or fewer
  }
}

}  // namespace
}  // namespace puna::engine
