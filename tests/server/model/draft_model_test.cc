#include "server/model/draft_model.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "server/model/load_model.h"
#include "server/model/text_files.h"
#include "tests/support/shared_data.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/throws.h"

namespace puna::server {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr char kFolder[] = "golden/speculation";

json ReadJson(const fs::path& path) { return json::parse(std::ifstream(path)); }
void WriteJson(const json& value, const fs::path& path) { std::ofstream(path) << value.dump(); }

json& AddedToken(json& tokenizer, const std::string& name) {
  for (json& token : tokenizer.at("added_tokens")) {
    if (token.at("content") == name) return token;
  }
  throw std::runtime_error("no token " + name);
}

void EditTokenizer(const json& edit, json& tokenizer) {
  json& vocab = tokenizer.at("model").at("vocab");
  if (edit.contains("drop_last_merges")) {
    json& merges = tokenizer.at("model").at("merges");
    for (int i = 0; i < edit["drop_last_merges"].get<int>(); ++i) merges.erase(merges.size() - 1);
  }
  if (edit.contains("rename_special")) {
    for (const auto& [from, to] : edit["rename_special"].items()) AddedToken(tokenizer, from)["content"] = to;
  }
  if (edit.contains("swap_vocab"))
    std::swap(vocab.at(edit["swap_vocab"][0].get<std::string>()), vocab.at(edit["swap_vocab"][1].get<std::string>()));
  if (edit.contains("rename_vocab")) {
    for (const auto& [from, to] : edit["rename_vocab"].items()) {
      vocab[to.get<std::string>()] = vocab.at(from);
      vocab.erase(from);
    }
  }
  if (edit.contains("swap_special")) {
    json& one = AddedToken(tokenizer, edit["swap_special"][0].get<std::string>());
    json& other = AddedToken(tokenizer, edit["swap_special"][1].get<std::string>());
    std::swap(one["content"], other["content"]);
  }
  if (edit.contains("shift_special")) {
    for (json& token : tokenizer.at("added_tokens"))
      token["id"] = token["id"].get<int>() + edit["shift_special"].get<int>();
  }
}

// A copy of the case's draft with its edits, but for those of the weights.
std::string MakeFolder(const json& test, const fs::path& folder) {
  fs::remove_all(folder);
  std::string kind = test.value("of", "draft");
  for (const json& edit : test.at("edit")) kind = edit.value("folder", kind);
  fs::create_directories(folder);
  for (const auto& file : fs::directory_iterator(puna::testing::SharedPath(std::string(kFolder) + "/" + kind)))
    std::ofstream(folder / file.path().filename(), std::ios::binary)
        << std::ifstream(file.path(), std::ios::binary).rdbuf();
  for (const json& edit : test.at("edit")) {
    if (!edit.contains("file") || edit["file"] == "model.safetensors") continue;
    const fs::path path = folder / edit["file"].get<std::string>();
    if (edit.contains("delete")) {
      fs::remove(path);
      continue;
    }
    json value = ReadJson(path);
    if (edit["file"] == "tokenizer.json") EditTokenizer(edit, value);
    if (edit.contains("set")) value.update(edit["set"]);
    for (const json& key : edit.value("unset", json::array())) value.erase(key.get<std::string>());
    WriteJson(value, path);
  }
  return folder.string();
}

std::string Judge(const std::string& folder) {
  const std::string model = puna::testing::SharedPath(std::string(kFolder) + "/target");
  const engine::Tokenizer tokenizer = LoadTokenizer(TextFiles(model), 512);
  const int size = ReadJson(fs::path(folder) / "config.json").at("vocab_size");
  const bool has = fs::exists(fs::path(folder) / "tokenizer.json");
  std::optional<engine::Tokenizer> own;
  try {
    if (has) own = LoadTokenizer(TextFiles(folder), std::max(size, 513));
  } catch (const std::runtime_error&) {  // its merges name tokens that are gone: LoadDraft says so, too
    return "refuse";
  }
  const VocabularyMatch match = CompareVocabularies(tokenizer, 512, own ? &*own : nullptr, size);
  return !match.refusal.empty() ? "refuse" : !match.warning.empty() ? "warn" : "accept";
}

TEST_CASE("a draft's vocabulary must be the model's: the reference cases") {
  if (!puna::testing::HaveShared(kFolder)) return;
  const json cases = ReadJson(puna::testing::SharedPath(std::string(kFolder) + "/vocabulary.json")).at("cases");
  const puna::testing::TemporaryFolder temporary;
  const fs::path folder = temporary.PathOf("draft");
  for (const json& test : cases) {
    const std::string name = test.at("name");
    CAPTURE(name);
    const std::string path = MakeFolder(test, folder);
    if (name.rfind("pard_token", 0) != 0) {
      CHECK(Judge(path) == test.at("verdict"));
      continue;
    }
    config::EngineConfig config;
    config.draft_model = path;
    if (test.at("verdict") == "refuse") {
      CHECK_THROWS_AS(PlanDraft(config), std::runtime_error);
    } else {
      CHECK_FALSE(PlanDraft(config)->is_pard());
    }
  }
}

TEST_CASE("plain and PARD are told apart by their files, and both are counted") {
  config::EngineConfig config;
  const std::optional<DraftPlan> own = PlanDraft(config);  // the demo model's
  REQUIRE(own);
  CHECK(own->is_pard());
  CHECK(own->weight_bytes < PlanModel(config).weight_bytes / 2);
  config.draft_model = "off";
  CHECK_FALSE(PlanDraft(config));
  config.draft_model = "";
  config.model = "random:llama-3.2-1b";
  CHECK_FALSE(PlanDraft(config));
  config.draft_model = "random:llama-3.2-1b";
  config.weights = "w4a8";
  config.kv_cache_dtype = "int8";
  const std::optional<DraftPlan> plan = PlanDraft(config);
  REQUIRE(plan);
  CHECK_FALSE(plan->is_pard());
  CHECK(plan->weight_bytes > 600'000'000);
  CHECK(plan->kv_bytes_per_block == 16 * 17408);
  CHECK(plan->window_bytes == 4 * (2 * 256 + 64) * 17408);
  config.speculation = false;
  CHECK_FALSE(PlanDraft(config));
  config.speculation = true;
  if (!puna::testing::HaveShared(kFolder)) return;
  for (const std::string kind : {"draft", "pard"}) {
    config.draft_model = puna::testing::SharedPath(std::string(kFolder) + "/" + kind);
    CHECK(PlanDraft(config)->pard_token == (kind == "pard" ? 503 : engine::kNoToken));
  }
}

TEST_CASE("a draft of another family is refused with the first difference") {
  if (!puna::testing::HaveShared(kFolder)) return;
  config::EngineConfig config;
  config.draft_model = puna::testing::SharedPath(std::string(kFolder) + "/draft");
  const engine::Tokenizer demo = LoadTokenizer(TextFiles(""), OpenModel("").config.vocab_size);
  CHECK(puna::testing::MessageOf([&] { LoadDraft(config, demo, 512, [](double) {}); }).find("id ") !=
        std::string::npos);
  CHECK(puna::testing::MessageOf([&] {
          LoadDraft(config, demo, 1000, [](double) {});
        }).find("it knows 512 ids, and the model 1000; choose a draft of the model's own family") != std::string::npos);
}

}  // namespace
}  // namespace puna::server
