#include "engine/checkpoint/packed/packed_file.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "engine/checkpoint/files/checkpoint_fault.h"
#include "engine/checkpoint/files/content_hash.h"
#include "engine/checkpoint/files/file_set.h"
#include "engine/checkpoint/files/json_object.h"
#include "engine/checkpoint/packed/packed_prefix.h"

namespace puna::engine {
namespace {

constexpr char kPackAgain[] = "the file is damaged or incomplete: delete it, or make it again with puna pack";
constexpr int64_t kMaxCount = int64_t{1} << 50;
constexpr uint64_t kMaxHeader = 100 << 20;

[[noreturn]] void Damaged(const std::string& path, const std::string& item, const std::string& expected,
                          const std::string& found) {
  Throw({.path = path, .item = item, .expected = expected, .found = found, .remedy = kPackAgain});
}

PackedPrefix ReadPrefix(const MappedFile& file) {
  const std::span<const std::byte> bytes = file.bytes();
  PackedPrefix prefix;
  const PackedPrefix wanted;
  if (bytes.size() >= sizeof prefix) std::memcpy(&prefix, bytes.data(), sizeof prefix);
  if (bytes.size() < sizeof prefix || std::memcmp(prefix.magic, wanted.magic, sizeof prefix.magic) != 0) {
    Damaged(file.path(), "", "a packed model, which starts with PUNAPACK",
            std::to_string(bytes.size()) + " other bytes");
  }
  if (prefix.version != kPackedVersion) {
    Throw({.path = file.path(),
           .item = "version",
           .expected = std::to_string(kPackedVersion),
           .found = std::to_string(prefix.version),
           .remedy = "it was made by another version of puna: make it again with puna pack"});
  }
  const uint64_t size = bytes.size();
  if (prefix.header_bytes > kMaxHeader || prefix.header_offset > size ||
      prefix.header_bytes > size - prefix.header_offset) {
    Damaged(file.path(), "header", "to lie within the file of " + std::to_string(size) + " bytes",
            std::to_string(prefix.header_bytes) + " bytes at " + std::to_string(prefix.header_offset));
  }
  return prefix;
}

std::span<const std::byte> HeaderOf(const MappedFile& file) {
  const PackedPrefix prefix = ReadPrefix(file);
  const auto header = file.bytes().subspan(prefix.header_offset, prefix.header_bytes);
  if (ContentHash(header) != prefix.header_hash) Damaged(file.path(), "header", "its checksum", "another");
  return header;
}

PackedInfo ReadInfo(const JsonObject& json) {
  PackedInfo info;
  info.name = json.String("name");
  info.layout = static_cast<int>(json.Int("layout", 0, 1 << 20));
  info.weights = json.String("weights");
  info.head_weights = json.String("head_weights");
  info.config = ParseModelConfig(json.Object("config"));
  info.generation = ParseGenerationConfig(json.Object("generation_config"), info.config.vocab_size);
  if (json.Bool("asymmetric_activations", false)) info.activation_rule = Checkpoint::ActivationRule::kAsymmetric;
  info.online_hadamard_down_proj = json.Bool("online_hadamard_down_proj", false);
  if (json.Has("residual_rotation_seed")) {
    info.residual_rotation_seed = static_cast<uint64_t>(json.Int("residual_rotation_seed", 0, INT64_MAX));
  }
  for (const JsonObject& origin : json.Objects("origins")) {
    PackedOrigin& to = info.origins.emplace_back();
    to.name = origin.String("name");
    to.bytes = origin.Int("bytes", 0, kMaxCount);
    to.modified_ns = origin.Int("modified_ns", INT64_MIN, INT64_MAX);
    to.hash = std::strtoull(origin.String("hash").c_str(), nullptr, 16);
    if (std::filesystem::path(to.name).filename() != to.name) origin.Refuse("name", "a plain file name", kPackAgain);
  }
  return info;
}

PackedSection ReadSection(const JsonObject& json, const MappedFile& file) {
  PackedSection section;
  section.format = json.String("format");
  section.outputs = json.Int("outputs", 1, kMaxCount);
  section.inputs = json.Int("inputs", 1, kMaxCount);
  section.offset = json.Int("offset", 0, kMaxCount);
  section.bytes = json.Int("bytes", 0, kMaxCount);
  if (json.Has("hash")) section.hash = std::strtoull(json.String("hash").c_str(), nullptr, 16);
  if (section.offset % 4096 != 0) json.Refuse("offset", "a multiple of 4096", kPackAgain);
  if (section.offset + section.bytes > static_cast<int64_t>(file.bytes().size())) {
    json.Refuse("bytes", "a section within the file of " + std::to_string(file.bytes().size()) + " bytes", kPackAgain);
  }
  return section;
}

int64_t ModifiedNs(const struct stat& status) {
  return int64_t{status.st_mtim.tv_sec} * 1000000000 + status.st_mtim.tv_nsec;
}

bool IsOrigin(const std::string& name) {
  for (const char* suffix : {".safetensors", ".pth", ".gguf", ".safetensors.index.json"}) {
    if (name.ends_with(suffix)) return true;
  }
  return name == "config.json" || name == "params.json";
}

}  // namespace

std::shared_ptr<const PackedFile> PackedFile::Open(const std::string& path) {
  std::shared_ptr<PackedFile> packed(new PackedFile);
  packed->file_ = MappedFile::Open(path);
  const JsonObject json = JsonObject::Parse(HeaderOf(*packed->file_), path);
  packed->info_ = ReadInfo(json.Object("model"));
  const JsonObject sections = json.Object("sections");
  for (const std::string& name : sections.Keys()) {
    packed->sections_[name] = ReadSection(sections.Object(name), *packed->file_);
  }
  return packed;
}

const PackedSection& PackedFile::Section(const std::string& name) const {
  const auto it = sections_.find(name);
  if (it == sections_.end()) Damaged(path(), name, "a section", "none of this name");
  return it->second;
}

std::span<const std::byte> PackedFile::Bytes(const PackedSection& section) const {
  return file_->bytes().subspan(static_cast<size_t>(section.offset), static_cast<size_t>(section.bytes));
}

std::vector<std::string> PackedFile::SectionNames() const {
  std::vector<std::string> names;
  for (const auto& [name, section] : sections_) names.push_back(name);
  std::sort(names.begin(), names.end(), [&](const std::string& a, const std::string& b) {
    return sections_.at(a).offset < sections_.at(b).offset;
  });
  return names;
}

void PackedFile::Verify(const std::string& name) const {
  const PackedSection& section = Section(name);
  if (!section.hash) return;
  if (ContentHash(Bytes(section)) != *section.hash) Damaged(path(), name, "its checksum", "another");
}

void PackedFile::CheckOrigins() const {
  const std::string folder = std::filesystem::path(path()).parent_path().string();
  const auto refuse = [&](const PackedOrigin& origin, const std::string& found) {
    Throw({.path = path(),
           .item = origin.name,
           .expected = "the file that it was made from, " + std::to_string(origin.bytes) + " bytes",
           .found = found,
           .remedy = "make it again with puna pack, or delete it"});
  };
  for (const PackedOrigin& origin : info_.origins) {
    const std::string origin_path = (folder.empty() ? "." : folder) + "/" + origin.name;
    struct stat status {};
    if (stat(origin_path.c_str(), &status) != 0) continue;  // the packed file alone is a whole model
    if (status.st_size != origin.bytes) refuse(origin, std::to_string(status.st_size) + " bytes");
    if (ModifiedNs(status) == origin.modified_ns) continue;
    const auto file = MappedFile::Open(origin_path);
    const bool same = ContentHash(file->bytes()) == origin.hash;
    if (!same) refuse(origin, "one of the same size with other contents");
  }
}

std::vector<PackedOrigin> OriginsIn(const std::string& folder) {
  std::vector<PackedOrigin> origins;
  const FileSet files = FileSet::Folder(folder);
  for (const std::string& name : files.Names()) {
    if (!IsOrigin(name)) continue;
    const auto file = files.Open(name);
    struct stat status {};
    if (stat(file->path().c_str(), &status) != 0) continue;
    origins.push_back(
        {name, static_cast<int64_t>(file->bytes().size()), ModifiedNs(status), ContentHash(file->bytes())});
    file->Release(file->bytes());
  }
  return origins;
}

}  // namespace puna::engine
