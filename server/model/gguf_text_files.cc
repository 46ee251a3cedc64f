#include "server/model/gguf_text_files.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "engine/checkpoint/files/checkpoint_fault.h"
#include "engine/tokenizer/pretokenize.h"

namespace puna::server {
namespace {

using engine::Printable;
using nlohmann::json;

constexpr char kTokens[] = "tokenizer.ggml.tokens";
constexpr char kTypes[] = "tokenizer.ggml.token_type";
constexpr char kTemplate[] = "tokenizer.chat_template";
constexpr int64_t kNormal = 1, kControl = 3, kUserDefined = 4, kUnused = 5,
                  kMaxTokenType = 6;  // llama.cpp's llama_token_type

[[noreturn]] void Refuse(const engine::GgufFile& file, const std::string& key, const std::string& expected,
                         const std::string& found) {
  engine::Throw({.path = file.file()->path(),
                 .item = key,
                 .expected = expected,
                 .found = found,
                 .remedy = "put the model's tokenizer.json beside the file"});
}

// Some converters say "default" or nothing of the way in which they cut text; the special tokens are Llama 3's alone.
bool HasLlama3Tokens(const engine::GgufFile& file) {
  const auto tokens = file.Strings(kTokens);
  for (const char* name : {"<|begin_of_text|>", "<|start_header_id|>", "<|eot_id|>"}) {
    if (std::find(tokens.begin(), tokens.end(), name) == tokens.end()) return false;
  }
  return true;
}

// The one way in which all of them cut text into words.
void CheckFamily(const engine::GgufFile& file) {
  const std::string model = file.String("tokenizer.ggml.model", "");
  if (model != "gpt2") Refuse(file, "tokenizer.ggml.model", "gpt2, as Llama 3 has it", Printable(model));
  const std::string pre = file.String("tokenizer.ggml.pre", "");
  constexpr std::array<std::string_view, 4> kLlama3 = {"llama-bpe", "llama3", "llama-v3", "smaug-bpe"};
  if (std::find(kLlama3.begin(), kLlama3.end(), pre) != kLlama3.end() || HasLlama3Tokens(file)) return;
  Refuse(file, "tokenizer.ggml.pre", "llama-bpe, or the special tokens of Llama 3",
         pre.empty() ? "neither" : Printable(pre));
}

// Without types: single characters and what merges make are words, all else is control.
std::vector<int64_t> TypesByMerges(const engine::GgufFile& file) {
  std::set<std::string> words;
  for (const std::string_view merge : file.Strings("tokenizer.ggml.merges")) {
    std::string word(merge);
    std::erase(word, ' ');
    words.insert(std::move(word));
  }
  std::vector<int64_t> types;
  for (const std::string_view token : file.Strings(kTokens)) {
    const auto characters = std::count_if(token.begin(), token.end(), [](char c) { return (c & 0xc0) != 0x80; });
    types.push_back(characters == 1 || words.count(std::string(token)) > 0 ? kNormal : kControl);
  }
  return types;
}

std::vector<int64_t> TypesOf(const engine::GgufFile& file) {
  return file.Has(kTypes) ? file.Ints(kTypes) : TypesByMerges(file);
}

json AddedToken(size_t id, std::string_view text, bool special) {
  return {{"id", id},        {"content", text}, {"special", special},
          {"lstrip", false}, {"rstrip", false}, {"single_word", false}};
}

void AddTokenName(const engine::GgufFile& file, const std::string& which, json* config) {
  const auto tokens = file.Strings(kTokens);
  const int64_t id = file.Int("tokenizer.ggml." + which + "_token_id", 0, static_cast<int64_t>(tokens.size()) - 1, -1);
  if (id >= 0) (*config)[which + "_token"] = tokens[static_cast<size_t>(id)];
}

// One template, or a list of named ones with the plain one as the default.
void AddTemplates(const engine::GgufFile& file, json* config) {
  const auto names = file.Strings("tokenizer.chat_templates");
  const std::string plain = file.String(kTemplate, "");
  if (names.empty()) {
    if (!plain.empty()) (*config)["chat_template"] = plain;
    return;
  }
  json list = json::array();
  if (!plain.empty()) list.push_back({{"name", "default"}, {"template", plain}});
  for (const std::string_view name : names) {
    list.push_back({{"name", name}, {"template", file.String(kTemplate + ("." + std::string(name)), "")}});
  }
  (*config)["chat_template"] = std::move(list);
}

}  // namespace

std::string GgufTokenizerJson(const engine::GgufFile& file) {
  const auto tokens = file.Strings(kTokens);
  if (tokens.empty()) return "";
  CheckFamily(file);
  const std::vector<int64_t> types = TypesOf(file);
  if (types.size() != tokens.size()) {
    Refuse(file, kTypes, std::to_string(tokens.size()) + " types, one for each token", std::to_string(types.size()));
  }
  json vocab = json::object(), added = json::array(), merges = json::array();
  for (size_t id = 0; id < tokens.size(); ++id) {
    const int64_t type = types[id];
    if (type < 0 || type > kMaxTokenType) Refuse(file, kTypes, "types from 0 to 6", std::to_string(type));
    if (type == kUnused) continue;  // a row that fills the table up
    if (type == kControl || type == kUserDefined) {
      added.push_back(AddedToken(id, tokens[id], type == kControl));
    } else if (!vocab.emplace(std::string(tokens[id]), id).second) {
      Refuse(file, kTokens, "each token once", "'" + Printable(tokens[id]) + "' a second time");
    }
  }
  for (const std::string_view merge : file.Strings("tokenizer.ggml.merges")) merges.push_back(merge);
  const json split = {{"type", "Split"},
                      {"pattern", {{"Regex", engine::kLlama3SplitPattern}}},
                      {"behavior", "Isolated"},
                      {"invert", false}};
  const json bytes = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}};
  const json model = {
      {"type", "BPE"}, {"ignore_merges", true}, {"vocab", std::move(vocab)}, {"merges", std::move(merges)}};
  return json{{"added_tokens", std::move(added)},
              {"pre_tokenizer", {{"type", "Sequence"}, {"pretokenizers", json::array({split, bytes})}}},
              {"decoder", {{"type", "ByteLevel"}}},
              {"model", std::move(model)}}
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string GgufTokenizerConfig(const engine::GgufFile& file) {
  json config = json::object();
  AddTokenName(file, "bos", &config);
  AddTokenName(file, "eos", &config);
  if (file.Has("tokenizer.ggml.add_bos_token")) {
    config["add_bos_token"] = file.Bool("tokenizer.ggml.add_bos_token", true);
  }
  AddTemplates(file, &config);
  return config.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace puna::server
