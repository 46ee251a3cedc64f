#include "server/hub/choose_files.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <stdexcept>
#include <string_view>

#include "engine/checkpoint/gguf/gguf_names.h"

namespace puna::server {
namespace {

constexpr std::string_view kFirstChoices[] = {"Q4_K_M", "Q8_0"};  // as llama.cpp has them
constexpr size_t kMostNamed = 24;                                 // in one message

std::string Lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::string BaseName(const std::string& path) { return path.substr(path.rfind('/') + 1); }
bool IsInRoot(const HubFile& file) { return file.path.find('/') == std::string::npos; }

// What llama.cpp's tools put beside models: projectors of images, importance matrices, drafts.
bool IsGgufModel(const std::string& path) {
  const std::string name = Lower(BaseName(path));
  for (const char* other : {"mmproj", "mtp-", "eagle3-", "dflash-", "dspark-"}) {
    if (name.starts_with(other)) return false;
  }
  return name.ends_with(".gguf") && name.find("imatrix") == std::string::npos;
}

// `tag` as whole words: behind the beginning or one of "-./", before one of those.
bool HasWord(const std::string& path, const std::string& tag) {
  const std::string text = Lower(path), word = Lower(tag);
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
    const size_t end = at + word.size();
    const bool left = at == 0 || std::string_view("-./").find(text[at - 1]) != std::string_view::npos;
    if (left && end < text.size() && std::string_view("-./").find(text[end]) != std::string_view::npos) return true;
  }
  return false;
}

bool IsNamed(const std::string& path, const std::string& tag) {
  const std::string lower = Lower(path), name = Lower(BaseName(path)), wanted = Lower(tag);
  return lower == wanted || name == wanted || lower == wanted + ".gguf" || name == wanted + ".gguf";
}

// Of those that fit the shortest path, then the first by name: Q4_K_M before UD-Q4_K_M where both are there.
const HubFile* Shortest(const std::vector<const HubFile*>& files) {
  const auto before = [](const HubFile* a, const HubFile* b) {
    return a->path.size() != b->path.size() ? a->path.size() < b->path.size() : a->path < b->path;
  };
  const auto best = std::ranges::min_element(files, before);
  return best == files.end() ? nullptr : *best;
}

template <typename Fits>
const HubFile* Pick(const std::vector<const HubFile*>& models, const Fits& fits) {
  std::vector<const HubFile*> found;
  std::ranges::copy_if(models, std::back_inserter(found), [&](const HubFile* file) { return fits(file->path); });
  return Shortest(found);
}

const HubFile* PickTagged(const std::vector<const HubFile*>& models, const std::string& tag) {
  const HubFile* named = Pick(models, [&](const std::string& path) { return IsNamed(path, tag); });
  return named != nullptr ? named : Pick(models, [&](const std::string& path) { return HasWord(path, tag); });
}

std::string Quantisations(const std::vector<const HubFile*>& models) {
  std::set<std::string> names;
  for (const HubFile* file : models) names.insert(QuantisationIn(file->path));
  std::string text;
  size_t told = 0;
  for (const std::string& name : names) {
    if (told++ == kMostNamed) return text + ", ...";
    text += (text.empty() ? "" : ", ") + name;
  }
  return text;
}

std::vector<const HubFile*> GgufModelsIn(const std::vector<HubFile>& files) {
  std::vector<const HubFile*> models;
  for (const HubFile& file : files) {
    if (IsGgufModel(file.path)) models.push_back(&file);
  }
  std::ranges::sort(models, {}, [](const HubFile* file) { return file->path; });
  return models;
}

const HubFile& PickGguf(const std::vector<const HubFile*>& models, const std::string& tag, const std::string& repo) {
  if (!tag.empty()) {
    if (const HubFile* file = PickTagged(models, tag)) return *file;
    throw std::runtime_error(repo + " has no file \"" + tag + "\"; it has " + Quantisations(models) +
                             ": write one of them behind the colon");
  }
  for (const std::string_view first : kFirstChoices) {
    if (const HubFile* file = PickTagged(models, std::string(first))) return *file;
  }
  return *models.front();
}

Choice WholeGguf(const std::vector<HubFile>& files, const HubFile& picked, const std::string& repo) {
  Choice choice;
  const std::vector<std::string> parts = engine::GgufParts(picked.path);
  for (const std::string& part : parts) {
    const auto found = std::ranges::find(files, part, &HubFile::path);
    if (found == files.end()) {
      throw std::runtime_error(repo + " lacks " + part + ", a part of the split model " + picked.path +
                               "; its other parts cannot be used alone");
    }
    choice.files.push_back(*found);
  }
  choice.open = parts.front();
  return choice;
}

bool IsTextFile(const HubFile& file) {
  static constexpr std::string_view kNames[] = {"config.json",        "generation_config.json",
                                                "tokenizer.json",     "tokenizer_config.json",
                                                "tokenizer.model",    "special_tokens_map.json",
                                                "added_tokens.json",  "chat_template.jinja",
                                                "chat_template.json", "quantize_config.json",
                                                "quant_config.json",  "model.safetensors.index.json",
                                                "params.json",        "vocab.json",
                                                "merges.txt",         "hf_quant_config.json"};
  if (file.path.starts_with("additional_chat_templates/")) return true;
  return std::ranges::find(kNames, file.path) != std::end(kNames);
}

const HubFile* Find(const std::vector<HubFile>& files, const std::string& path) {
  const auto found = std::ranges::find(files, path, &HubFile::path);
  return found == files.end() ? nullptr : &*found;
}

std::set<std::string> ShardsOf(const HubFile& index, const std::string& repo, const ReadHubFile& read) {
  std::set<std::string> shards;
  const nlohmann::json json = nlohmann::json::parse(read(index), nullptr, false);
  const auto map = json.is_object() ? json.find("weight_map") : json.end();
  if (map != json.end() && map->is_object()) {
    for (const auto& [tensor, shard] : map->items()) {
      if (shard.is_string()) shards.insert(shard.get<std::string>());
    }
  }
  if (shards.empty()) {
    throw std::runtime_error(repo + ": " + index.path + ": expected a weight_map from tensors to files, found none");
  }
  return shards;
}

// The weights in safetensors; empty: there are none.
std::vector<HubFile> Safetensors(const std::vector<HubFile>& files, const std::string& repo, const ReadHubFile& read) {
  if (const HubFile* whole = Find(files, "model.safetensors")) return {*whole};
  std::vector<HubFile> weights;
  if (const HubFile* index = Find(files, "model.safetensors.index.json")) {
    for (const std::string& shard : ShardsOf(*index, repo, read)) {
      const HubFile* file = Find(files, shard);
      if (file == nullptr) throw std::runtime_error(repo + ": the index names " + shard + ", which is not there");
      weights.push_back(*file);
    }
    return weights;
  }
  std::ranges::copy_if(files, std::back_inserter(weights), [](const HubFile& file) {
    return IsInRoot(file) && file.path.ends_with(".safetensors") && !file.path.starts_with("consolidated") &&
           !file.path.starts_with("adapter");
  });
  return weights;
}

// Meta's own form, which some of its repositories have alone.
std::vector<HubFile> MetaWeights(const std::vector<HubFile>& files) {
  std::vector<HubFile> weights;
  if (Find(files, "params.json") == nullptr) return weights;
  std::ranges::copy_if(files, std::back_inserter(weights), [](const HubFile& file) {
    return IsInRoot(file) && file.path.starts_with("consolidated.") && file.path.ends_with(".pth");
  });
  return weights;
}

[[noreturn]] void RefuseRepository(const std::vector<HubFile>& files, const std::string& repo) {
  const auto has = [&](std::string_view ending) {
    return std::ranges::any_of(files, [&](const HubFile& file) { return file.path.ends_with(ending); });
  };
  std::string found = "none";
  if (has("adapter_model.safetensors")) {
    found = "an adapter (LoRA) alone; take the model that it was merged into";
  } else if (has(".bin") || has(".pth") || has(".pt")) {
    found = "pickled weights alone; take a repository with the same model as safetensors or GGUF";
  } else if (has(".onnx")) {
    found = "ONNX; take a repository with the same model as safetensors or GGUF";
  }
  throw std::runtime_error(repo + ": expected a model as safetensors or GGUF, found " + found);
}

Choice ChooseFolder(const std::vector<HubFile>& files, const std::string& repo, std::vector<HubFile> weights) {
  if (weights.empty()) weights = MetaWeights(files);
  if (weights.empty()) RefuseRepository(files, repo);
  Choice choice;
  std::ranges::copy_if(files, std::back_inserter(choice.files), IsTextFile);
  choice.files.insert(choice.files.end(), weights.begin(), weights.end());
  return choice;
}

}  // namespace

Choice ChooseFiles(const std::vector<HubFile>& files, const std::string& tag, const std::string& repo,
                   const ReadHubFile& read) {
  const std::vector<const HubFile*> models = GgufModelsIn(files);
  if (!models.empty() && !tag.empty()) return WholeGguf(files, PickGguf(models, tag, repo), repo);
  if (!tag.empty()) {
    throw std::runtime_error(repo + " has no GGUF files, so \"" + tag +
                             "\" chooses nothing: leave it out, or take a repository whose name ends in GGUF");
  }
  std::vector<HubFile> weights = Safetensors(files, repo, read);
  const bool folder = !weights.empty() && Find(files, "config.json") != nullptr;
  if (models.empty() || folder) return ChooseFolder(files, repo, std::move(weights));
  return WholeGguf(files, PickGguf(models, tag, repo), repo);
}

bool IsCertain(const Choice& choice, const std::string& tag) {
  return choice.open.empty() || !tag.empty() || HasWord(choice.open, std::string(kFirstChoices[0]));
}

std::string QuantisationIn(const std::string& path) {
  static const std::regex pattern(
      "(^|[-./])((UD-)?(I?Q[0-9]+_[A-Z0-9_]+|TQ[0-9]_[0-9]|BF16|F16|FP16|F32|MXFP4[A-Z_]*))(?=[-.])",
      std::regex::icase);
  std::smatch match;
  const std::string name = BaseName(path);
  return std::regex_search(name, match, pattern) ? match[2].str() : engine::GgufModelName(name);
}

bool IsSafePath(const std::string& path) {
  constexpr size_t kLongestName = 255, kLongestPath = 1024;
  if (path.empty() || path.size() > kLongestPath || path.starts_with('/')) return false;
  const bool plain = std::ranges::all_of(path, [](unsigned char c) { return c >= ' ' && c != 127 && c != '\\'; });
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    const std::string part = path.substr(begin, end - begin);
    if (part.empty() || part == "." || part == ".." || part.size() > kLongestName) return false;
    begin = end + 1;
  }
  return plain;
}

}  // namespace puna::server
