#include "server/model/text_files.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>

#include "engine/checkpoint/config/end_of_turn.h"
#include "engine/checkpoint/gguf/gguf_file.h"
#include "engine/checkpoint/open_checkpoint.h"
#include "engine/demo/demo_model.h"
#include "server/host/log.h"
#include "server/model/gguf_text_files.h"
#include "server/model/tokenizer_config.h"

namespace puna::server {
namespace {

engine::Tokenizer ReadTokenizer(const engine::FileSet& files, int vocab_size) {
  if (files.Has("tokenizer.json")) {
    const auto file = files.Open("tokenizer.json");
    const std::string_view json(reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size());
    return engine::Tokenizer::FromJson(json, file->path(), vocab_size);
  }
  if (files.Has("tokenizer.model")) return engine::Tokenizer::FromTiktoken(files.PathOf("tokenizer.model"), vocab_size);
  throw std::runtime_error(files.path() +
                           ": expected tokenizer.json or tokenizer.model beside the weights, found neither; " +
                           "download it from where the model came from");
}

using FilesByName = std::map<std::string, std::string>;

// What a .gguf file brings along stands for files of the same name beside it, which may be another model's. Those count where
// it brings no tokenizer, or none that we know.
FilesByName FilesInside(const std::string& gguf, const engine::FileSet& beside) {
  const engine::GgufFile file(engine::MappedFile::Open(gguf));
  const bool another = beside.Has("tokenizer.json") || beside.Has("tokenizer.model");
  std::string tokenizer;
  try {
    tokenizer = GgufTokenizerJson(file);
  } catch (const std::runtime_error& error) {
    if (!another) throw;
    LogWarning(std::string(error.what()) + " - the one that lies there is taken");
  }
  if (tokenizer.empty()) {
    if (beside.Has("tokenizer_config.json")) return {};
    return {{"tokenizer_config.json", GgufTokenizerConfig(file)}};
  }
  return {{"tokenizer.json", std::move(tokenizer)}, {"tokenizer_config.json", GgufTokenizerConfig(file)}};
}

}  // namespace

engine::FileSet TextFiles(const std::string& model) {
  if (model.empty() || model == engine::kDemoDraft || model.rfind("random:", 0) == 0)
    return engine::FileSet::Memory("demo", engine::DemoModelFiles());
  const std::string folder = engine::ModelFolder(model);
  const std::string gguf = engine::FindGguf(model);
  return engine::FileSet::Folder(folder,
                                 gguf.empty() ? FilesByName() : FilesInside(gguf, engine::FileSet::Folder(folder)));
}

void CopyTextFiles(const engine::FileSet& files, const std::string& folder) {
  for (const char* name : {"tokenizer.json", "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json",
                           "chat_template.jinja", "chat_template.json", "generation_config.json"}) {
    const std::filesystem::path target = std::filesystem::path(folder) / name;
    if (!files.Has(name) || std::filesystem::exists(target)) continue;
    const auto file = files.Open(name);
    std::ofstream out(target, std::ios::binary);
    out.write(reinterpret_cast<const char*>(file->bytes().data()), static_cast<std::streamsize>(file->bytes().size()));
    out.close();
    if (!out) throw std::runtime_error(target.string() + ": cannot be written; check permissions and the space left");
  }
}

namespace {

// tokenizer_config.json's word about the token that begins a text: its name, and whether it is to be there at all.
void SetBos(const engine::FileSet& files, engine::Tokenizer* tokenizer) {
  const TokenizerConfig config = ReadTokenizerConfig(files);
  const std::optional<engine::TokenId> named = tokenizer->SpecialId(config.bos_token);
  if (config.add_bos_token == false) {
    tokenizer->set_bos_id(engine::kNoToken);
  } else if (named && (config.add_bos_token == true || !tokenizer->says_bos())) {
    tokenizer->set_bos_id(*named);
  }
}

}  // namespace

engine::Tokenizer LoadTokenizer(const engine::FileSet& files, int vocab_size) {
  engine::Tokenizer tokenizer = ReadTokenizer(files, vocab_size);
  if (tokenizer.vocab_size() > vocab_size) {
    throw std::runtime_error(files.path() + ": the tokenizer has " + std::to_string(tokenizer.vocab_size()) +
                             " tokens, expected at most the model's vocab_size " + std::to_string(vocab_size) +
                             "; tokenizer and weights belong to different models");
  }
  SetBos(files, &tokenizer);
  return tokenizer;
}

std::vector<engine::TokenId> EndsOfTurn(const engine::FileSet& files, const engine::Tokenizer& tokenizer,
                                        std::vector<engine::TokenId> known) {
  const TokenizerConfig config = ReadTokenizerConfig(files);
  std::string chat = config.chat_template;
  if (files.Has("chat_template.jinja")) {
    const auto file = files.Open("chat_template.jinja");
    chat.assign(reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size());
  }
  const auto add = [&](const std::string& name) {
    const std::optional<engine::TokenId> id = tokenizer.SpecialId(name);
    if (id && std::find(known.begin(), known.end(), *id) == known.end()) known.push_back(*id);
  };
  add(config.eos_token);
  for (const std::string_view name : engine::kEndsOfTurn) {
    if (chat.find(name) != std::string::npos) add(std::string(name));
  }
  return known;
}

}  // namespace puna::server
