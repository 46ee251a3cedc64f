// What a plain draft and a PARD draft propose, cycle by cycle, beside reference data computed in float64.
#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/checkpoint/open_checkpoint.h"
#include "engine/model/llama.h"
#include "engine/model_drafter.h"
#include "tests/support/shared_data.h"

namespace puna::engine {
namespace {

using nlohmann::json;

constexpr char kFolder[] = "golden/speculation";
constexpr double kMargin = 0.1;  // bfloat16 may decide otherwise below it
constexpr int kBlocks = 40;

json ReadJson(const std::string& path) { return json::parse(std::ifstream(path)); }

ModelDrafter MakeDrafter(const std::string& kind) {
  const std::string folder = testing::SharedPath(std::string(kFolder) + "/" + kind);
  LlamaOptions options;
  options.weights = WeightFormat::kBf16;
  options.isa = DetectIsa();
  options.max_batched_tokens = 256;
  DraftOptions draft;
  draft.model = LoadLlama(OpenCheckpoint(folder), options, {});
  if (kind == "pard") draft.pard_token = ReadJson(folder + "/config.json").at("pard_token");
  return ModelDrafter(draft, kBlocks, 512, {});
}

struct Tally {
  int compared = 0, differing = 0, cycles = 0, proposed = 0, accepted = 0;
};

// Cycles of at most `most` guesses over one prompt, as a server makes them: the longest right beginning is taken.
void RunCycles(ModelDrafter& drafter, const json& golden, const json& expected, int most, Tally& tally) {
  BlockPool pool(kBlocks, true);
  Request request;
  request.prompt = golden.at("ids").get<std::vector<TokenId>>();
  request.stop.max_new_tokens = 1000;
  const auto target = golden.at("target").at("ids").get<std::vector<TokenId>>();
  Sequence s(std::move(request), 0, pool);
  s.tokens.push_back(target[0]);
  for (size_t m = 1; m < target.size();) {
    const int wanted = std::min<int>(most, static_cast<int>(target.size() - m) - 1);
    REQUIRE(s.table.Grow(s.num_tokens() + wanted + 1));
    std::vector<TokenId> guesses;
    if (wanted > 0) {
      DraftAsk ask{&s, {}, wanted, {}};
      for (int step = 0; step < 4 && ask.guesses.empty(); ++step) drafter.Propose(std::span(&ask, 1));
      REQUIRE_FALSE(ask.guesses.empty());  // a long prompt takes two steps
      guesses = ask.guesses;
    }
    for (size_t i = 0; i < guesses.size(); ++i) {
      if (expected.at("margins")[m][i].get<double>() < kMargin) break;
      ++tally.compared;
      tally.differing += guesses[i] != expected.at("ids")[m][i].get<TokenId>();
    }
    size_t accepted = 0;
    while (accepted < guesses.size() && guesses[accepted] == target[m + accepted]) ++accepted;
    for (size_t i = 0; i <= accepted && m + i < target.size(); ++i) s.tokens.push_back(target[m + i]);
    m += accepted + 1;
    ++tally.cycles;
    tally.proposed += static_cast<int>(guesses.size());
    tally.accepted += static_cast<int>(accepted);
  }
  s.draft_memo.reset();
  s.table.Free(s.tokens, s.num_tokens() - 1);
}

TEST_CASE("golden drafts: what is proposed after each cycle, and how much of it comes true") {
  if (!testing::HaveShared(kFolder)) return;
  const json totals = ReadJson(testing::SharedPath(std::string(kFolder) + "/golden/golden.json")).at("totals");
  for (const std::string kind : {"draft", "pard"}) {
    ModelDrafter drafter = MakeDrafter(kind);
    const std::string key = kind == "draft" ? "plain" : "pard";
    for (const int most : {1, 2, 3, 5, 8}) {
      CAPTURE(kind);
      CAPTURE(most);
      Tally tally;
      for (const char* name : {"p1", "p5", "p15", "p16", "p17", "p31", "p32", "p33", "p48", "p100", "r24"}) {
        CAPTURE(name);
        const json golden = ReadJson(testing::SharedPath(std::string(kFolder) + "/golden/" + name + ".json"));
        RunCycles(drafter, golden, golden.at(key), most, tally);
      }
      CHECK(tally.compared > 200);
      CHECK(tally.differing == 0);
      const json& total = totals.at(std::to_string(most)).at(key);
      CHECK(tally.accepted == doctest::Approx(total.at("accepted").get<double>()).epsilon(0.01));
      CHECK(tally.cycles == doctest::Approx(total.at("cycles").get<double>()).epsilon(0.01));
    }
  }
}

}  // namespace
}  // namespace puna::engine
