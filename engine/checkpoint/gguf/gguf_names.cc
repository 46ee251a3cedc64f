#include "engine/checkpoint/gguf/gguf_names.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string_view>

#include "engine/checkpoint/gguf/gguf_file.h"

namespace puna::engine {
namespace {

constexpr std::string_view kEnding = ".gguf";

struct Part {
  std::string stem;  // what stands before "-00001-of-00003.gguf"
  int number = 0, count = 0;
};

// llama.cpp's pattern: five digits each.
std::optional<Part> PartOf(const std::string& name) {
  constexpr size_t kTail = std::string_view("-00001-of-00003.gguf").size();
  if (name.size() <= kTail || !name.ends_with(kEnding)) return std::nullopt;
  const std::string tail = name.substr(name.size() - kTail);
  Part part{.stem = name.substr(0, name.size() - kTail)};
  const auto number = [&](size_t at, int* out) {
    const char* end = tail.data() + at + 5;
    return std::from_chars(tail.data() + at, end, *out).ptr == end;
  };
  const bool good = tail[0] == '-' && tail.substr(6, 4) == "-of-" && number(1, &part.number) && number(10, &part.count);
  if (!good || part.number < 1 || part.count < 1 || part.number > part.count) return std::nullopt;
  return part;
}

std::string PartName(const std::string& stem, int number, int count) {
  char tail[32];
  std::snprintf(tail, sizeof(tail), "-%05d-of-%05d.gguf", number, count);
  return stem + tail;
}

bool IsModel(const FileSet& files, const std::string& name) {
  try {
    const GgufFile file(files.Open(name));
    const std::string type = file.String("general.type", "model"),
                      architecture = file.String("general.architecture", "");
    return type == "model" && !architecture.empty() && architecture != "clip" && architecture != "imatrix";
  } catch (const std::runtime_error&) {
    return true;  // who opens it is told what is wrong with it
  }
}

}  // namespace

bool HasGgufLetters(const FileSet& files, const std::string& name) {
  try {
    const auto file = files.Open(name);
    return file->bytes().size() >= 4 && std::memcmp(file->bytes().data(), "GGUF", 4) == 0;
  } catch (const std::runtime_error&) {
    return false;
  }
}

std::vector<std::string> GgufParts(const std::string& name) {
  const std::optional<Part> part = PartOf(name);
  if (!part) return {name};
  std::vector<std::string> names;
  for (int n = 1; n <= part->count; ++n) names.push_back(PartName(part->stem, n, part->count));
  return names;
}

std::string GgufModelName(const std::string& name) {
  if (const std::optional<Part> part = PartOf(name)) return part->stem;
  return name.ends_with(kEnding) ? name.substr(0, name.size() - kEnding.size()) : name;
}

std::vector<std::string> GgufModels(const FileSet& files) {
  std::vector<std::string> names;
  for (const std::string& name : files.Names()) {
    if (!name.ends_with(kEnding)) continue;
    const std::string first = GgufParts(name).front();
    if (std::find(names.begin(), names.end(), first) == names.end()) names.push_back(first);
  }
  if (names.size() < 2) return names;
  std::vector<std::string> models;
  for (const std::string& name : names) {
    if (IsModel(files, name)) models.push_back(name);
  }
  return models.empty() ? names : models;
}

}  // namespace puna::engine
