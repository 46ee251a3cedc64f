#include "server/model/draft_model.h"

#include <algorithm>
#include <stdexcept>
#include <string_view>

#include "engine/checkpoint/files/file_set.h"
#include "engine/checkpoint/files/json_object.h"
#include "engine/checkpoint/open_checkpoint.h"
#include "engine/demo/demo_model.h"
#include "server/host/log.h"
#include "server/model/load_model.h"
#include "server/model/text_files.h"

namespace puna::server {
namespace {

using engine::TokenId;

constexpr int kPardIds = 8;   // what the published one was trained to guess
constexpr int kPlainIds = 6;  // each a pass of its own
constexpr int kLeastBatch = 256;

// Where none is named, it is the demo model's own.
std::string DraftName(const config::EngineConfig& config) {
  return config.draft_model.empty() ? engine::kDemoDraft : config.draft_model;
}

config::EngineConfig AsModel(config::EngineConfig config) {
  config.model = DraftName(config);
  return config;
}

engine::FileSet FilesOf(const std::string& model) {
  if (model == engine::kDemoDraft) return engine::FileSet::Memory("the demo model's draft", engine::DemoDraftFiles());
  return engine::FileSet::Folder(engine::ModelFolder(model));
}

bool IsRandom(const std::string& model) { return model.rfind("random:", 0) == 0; }

// A PARD model is a Llama with one field more. -1 is what its training writes where there is no mask token.
TokenId PardToken(const std::string& model, int vocab_size) {
  if (IsRandom(model)) return engine::kNoToken;
  const engine::FileSet files = FilesOf(model);
  if (!files.Has("config.json")) return engine::kNoToken;
  const auto file = files.Open("config.json");
  const auto config = engine::JsonObject::Parse(file->bytes(), files.PathOf("config.json"));
  const auto token = static_cast<TokenId>(config.Int("pard_token", -1, vocab_size - 1, -1));
  if (token < 0 && config.Has("pard_token"))
    LogWarning(files.PathOf("config.json") + ": pard_token is -1, so this draft is used as a plain one");
  if (token >= 0 && config.Has("pard2"))
    LogInfo(files.PathOf("config.json") + ": what PARD-2 adds is left out; the draft is used as PARD");
  return token < 0 ? engine::kNoToken : token;
}

bool HasTokenizer(const std::string& model) {
  if (IsRandom(model)) return false;
  const engine::FileSet files = TextFiles(model);
  return files.Has("tokenizer.json") || files.Has("tokenizer.model");
}

std::string Quoted(const engine::Tokenizer& tokenizer, TokenId id) {
  if (id >= tokenizer.vocab_size()) return "nothing";
  return (tokenizer.IsSpecial(id) ? "the special token \"" : "\"") + tokenizer.TokenText(id) + "\"";
}

bool IsReserved(const engine::Tokenizer& tokenizer, TokenId id) {
  return tokenizer.IsSpecial(id) && tokenizer.Bytes(id).find("reserved_special_token") != std::string_view::npos;
}

}  // namespace

bool HasDraft(const config::EngineConfig& config) {
  const bool is_named = !config.draft_model.empty() && config.draft_model != "off";
  return config.speculation && (is_named || (config.draft_model.empty() && config.model.empty()));
}

std::optional<DraftPlan> PlanDraft(const config::EngineConfig& config) {
  if (!HasDraft(config)) return std::nullopt;
  const ModelPlan model = PlanModel(AsModel(config));
  DraftPlan plan;
  plan.name = model.name;
  plan.format = model.format;
  plan.weight_bytes = model.weight_bytes;
  plan.kv_bytes_per_block = model.kv_bytes_per_block;
  plan.window_bytes = static_cast<int64_t>(model.kv_bytes_per_block) * engine::kDraftWindows *
                      engine::DraftWindowBlocks(config.draft_window);
  plan.pard_token = PardToken(DraftName(config), model.vocab_size);
  return plan;
}

VocabularyMatch CompareVocabularies(const engine::Tokenizer& model, int model_size, const engine::Tokenizer* draft,
                                    int draft_size) {
  VocabularyMatch match;
  if (draft_size < model_size) {
    match.refusal = "it knows " + std::to_string(draft_size) + " ids, and the model " + std::to_string(model_size) +
                    "; choose a draft of the model's own family";
    return match;
  }
  if (draft == nullptr) {
    match.warning = "there is no tokenizer beside it, so only the number of its ids was compared with the model's";
    return match;
  }
  for (TokenId id = 0; id < model.vocab_size(); ++id) {
    const bool same =
        id < draft->vocab_size() && model.Bytes(id) == draft->Bytes(id) && model.IsSpecial(id) == draft->IsSpecial(id);
    if (same) continue;
    const std::string difference =
        "id " + std::to_string(id) + " is " + Quoted(*draft, id) + " there and " + Quoted(model, id) + " in the model";
    const bool renamed = id < draft->vocab_size() && model.IsSpecial(id) && draft->IsSpecial(id) &&
                         (IsReserved(model, id) || IsReserved(*draft, id));
    if (!renamed) {
      match.refusal = difference + "; choose a draft of the model's own family";
      return match;
    }
    if (match.warning.empty()) match.warning = difference + ": guesses around it will come true less often";
  }
  return match;
}

engine::DraftOptions AsPard(engine::DraftOptions draft) {
  draft.pard_token = draft.model->vocab_size() - 1;
  draft.max_ids = kPardIds;
  return draft;
}

std::string Describe(const engine::DraftOptions& draft) {
  return std::string("draft model: ") + (draft.pard_token == engine::kNoToken ? "plain" : "PARD") + ", " +
         draft.model->Format() + ", weights " + std::to_string(draft.model->weight_bytes() >> 20) + " MiB";
}

engine::DraftOptions LoadDraft(const config::EngineConfig& config, const engine::Tokenizer& tokenizer, int vocab_size,
                               const engine::LoadProgress& progress) {
  engine::DraftOptions options;
  const std::optional<DraftPlan> plan = PlanDraft(config);
  if (!plan) return options;
  config::EngineConfig own = AsModel(config);
  own.max_num_batched_tokens = std::max(own.max_num_batched_tokens, kLeastBatch);
  const int draft_size = PlanModel(own).vocab_size;
  std::optional<engine::Tokenizer> draft_tokenizer;
  const std::string name = DraftName(config);
  if (HasTokenizer(name)) draft_tokenizer = LoadTokenizer(TextFiles(name), draft_size);
  const VocabularyMatch match =
      CompareVocabularies(tokenizer, vocab_size, draft_tokenizer ? &*draft_tokenizer : nullptr, draft_size);
  if (!match.refusal.empty()) throw std::runtime_error("draft_model: " + plan->name + ": " + match.refusal);
  if (!match.warning.empty()) LogWarning("draft_model: " + plan->name + ": " + match.warning);
  options.model = LoadModel(own, progress).model;
  options.pard_token = plan->pard_token;
  options.window = config.draft_window;
  options.max_ids = plan->pard_token == engine::kNoToken ? kPlainIds : kPardIds;
  options.max_batched_tokens = own.max_num_batched_tokens;
  return options;
}

}  // namespace puna::server
