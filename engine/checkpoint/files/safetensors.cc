#include "engine/checkpoint/files/safetensors.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>

#include "engine/checkpoint/files/checkpoint_fault.h"
#include "engine/checkpoint/files/json_object.h"

namespace puna::engine {
namespace {

constexpr uint64_t kMaxHeader = 100'000'000;  // as the format's own implementation
constexpr size_t kMaxDims = 8;
constexpr char kSingle[] = "model.safetensors";
constexpr char kIndex[] = "model.safetensors.index.json";

std::optional<DType> DTypeOf(const std::string& name) {
  constexpr DType kAll[] = {DType::kBool, DType::kU8,  DType::kI8,  DType::kF8E4M3, DType::kF8E5M2,
                            DType::kI16,  DType::kU16, DType::kF16, DType::kBf16,   DType::kI32,
                            DType::kU32,  DType::kF32, DType::kI64, DType::kU64,    DType::kF64};
  for (const DType dtype : kAll) {
    if (name == NameOf(dtype)) return dtype;
  }
  return std::nullopt;
}

std::span<const std::byte> Header(const MappedFile& file) {
  const std::span<const std::byte> bytes = file.bytes();
  if (bytes.size() < 8) {
    Throw({.path = file.path(),
           .item = "header",
           .expected = "at least 8 bytes",
           .found = std::to_string(bytes.size()),
           .remedy = kDownloadAgain});
  }
  uint64_t length = 0;
  for (int i = 7; i >= 0; --i) length = length << 8 | static_cast<uint64_t>(bytes[static_cast<size_t>(i)]);
  const uint64_t most = std::min<uint64_t>(kMaxHeader, bytes.size() - 8);
  if (length < 2 || length > most) {
    Throw({.path = file.path(),
           .item = "header length",
           .expected = "2 to " + std::to_string(most) + " bytes",
           .found = std::to_string(length),
           .remedy = bytes.size() < 2000 ? "this may be a Git LFS pointer: download the file itself" : kDownloadAgain});
  }
  return bytes.subspan(8, length);
}

// One entry of the header; `data` is what lies behind it.
Tensor ReadEntry(const JsonObject& header, const std::string& name, std::span<const std::byte> data,
                 const std::shared_ptr<const MappedFile>& file) {
  const JsonObject entry = header.Object(name);
  const std::string dtype_name = entry.String("dtype");
  const std::optional<DType> dtype = DTypeOf(dtype_name);
  if (!dtype) entry.Refuse("dtype", "a known type", "this kind of weights is not supported");
  const auto size = static_cast<int64_t>(data.size());
  Tensor tensor{.name = name, .dtype = *dtype, .shape = entry.Ints("shape", 0, INT64_MAX), .bytes = {}, .file = file};
  if (!entry.IsList("shape") || tensor.shape.size() > kMaxDims) entry.Refuse("shape", "a list of at most 8 sizes");
  const std::vector<int64_t> offsets = entry.Ints("data_offsets", 0, INT64_MAX);
  if (offsets.size() != 2 || offsets[0] > offsets[1]) {
    entry.Refuse("data_offsets", "[begin, end] with begin <= end", kDownloadAgain);
  }
  if (offsets[1] > size) {
    entry.Refuse("data_offsets", "an end of at most " + std::to_string(size) + " (the data in this file)",
                 kDownloadAgain);
  }
  const int64_t count = ElementCount(tensor.shape);
  const auto width = static_cast<int64_t>(SizeOf(*dtype));
  if (count < 0 || count > INT64_MAX / width || count * width != offsets[1] - offsets[0]) {
    Throw({.path = file->path(),
           .item = Printable(name),
           .expected = dtype_name + " " + ShapeText(tensor.shape) + " in as many bytes as its data_offsets span",
           .found = std::to_string(offsets[1] - offsets[0]) + " bytes",
           .remedy = kDownloadAgain});
  }
  tensor.bytes = data.subspan(static_cast<size_t>(offsets[0]), static_cast<size_t>(offsets[1] - offsets[0]));
  return tensor;
}

// The format allows no byte of data that belongs to no tensor or to two.
void CheckCovered(const std::vector<Tensor>& tensors, std::span<const std::byte> data, const std::string& path) {
  const auto offset = [&](const std::byte* p) { return std::to_string(p - data.data()); };
  const std::byte* end = data.data();
  for (const Tensor& tensor : tensors) {
    if (tensor.bytes.data() != end) {
      Throw({.path = path,
             .item = Printable(tensor.name),
             .expected = "data at offset " + offset(end) + ", where the tensor before it ends",
             .found = "offset " + offset(tensor.bytes.data()),
             .remedy = kDownloadAgain});
    }
    end += tensor.bytes.size();
  }
  if (end != data.data() + data.size()) {
    Throw({.path = path,
           .item = "data",
           .expected = offset(end) + " bytes, where the last tensor ends",
           .found = std::to_string(data.size()),
           .remedy = kDownloadAgain});
  }
}

void CheckShardName(const JsonObject& map, const std::string& tensor, const std::string& shard) {
  constexpr std::string_view kSuffix = ".safetensors";
  const bool plain = shard.find('/') == std::string::npos && shard.find('\\') == std::string::npos &&
                     shard.find('\0') == std::string::npos && !shard.starts_with(".");
  if (!plain || shard.size() <= kSuffix.size() || !shard.ends_with(kSuffix)) {
    map.Refuse(tensor, "the name of a .safetensors file in the same folder", kDownloadAgain);
  }
}

TensorSet ReadShards(const FileSet& files, const std::string& index_name) {
  const std::string index_path = files.PathOf(index_name);
  const auto index = files.Open(index_name);
  const JsonObject map = JsonObject::Parse(index->bytes(), index_path).Object("weight_map");
  std::map<std::string, std::set<std::string>> shards;
  for (const std::string& tensor : map.Keys()) {
    const std::string shard = map.String(tensor);
    CheckShardName(map, tensor, shard);
    shards[shard].insert(tensor);
  }
  TensorSet set(files.path());
  for (auto& [shard, expected] : shards) {
    for (Tensor& tensor : ReadSafetensors(files.Open(shard))) {
      if (expected.erase(tensor.name) > 0) set.Add(std::move(tensor));  // the index decides about the others, too
    }
    expected.erase("lm_head.weight");  // some list a tied head that they do not hold
    if (!expected.empty()) {
      Throw({.path = files.PathOf(shard),
             .item = Printable(*expected.begin()),
             .expected = "this tensor, which " + index_path + " puts here",
             .found = "none of this name",
             .remedy = "index and shards do not belong together: download all files again"});
    }
  }
  return set;
}

}  // namespace

std::vector<Tensor> ReadSafetensors(const std::shared_ptr<const MappedFile>& file) {
  const std::span<const std::byte> text = Header(*file);
  const std::span<const std::byte> data = file->bytes().subspan(8 + text.size());
  const JsonObject header = JsonObject::Parse(text, file->path());
  std::vector<Tensor> tensors;
  for (const std::string& name : header.Keys()) {
    if (name != "__metadata__") tensors.push_back(ReadEntry(header, name, data, file));
  }
  std::sort(tensors.begin(), tensors.end(), [](const Tensor& a, const Tensor& b) {
    return std::pair(a.bytes.data(), a.bytes.size()) < std::pair(b.bytes.data(), b.bytes.size());
  });
  CheckCovered(tensors, data, file->path());
  return tensors;
}

std::map<std::string, std::string> ReadSafetensorsMetadata(const std::shared_ptr<const MappedFile>& file) {
  const JsonObject header = JsonObject::Parse(Header(*file), file->path());
  std::map<std::string, std::string> texts;
  if (!header.Has("__metadata__")) return texts;
  const JsonObject metadata = header.Object("__metadata__");
  for (const std::string& key : metadata.Keys()) texts[key] = metadata.String(key);
  return texts;
}

namespace {

bool IsWeights(const std::string& name) {
  return name.ends_with(".safetensors") && !name.starts_with("adapter_model") && !name.starts_with("consolidated");
}

// NAME-00002-of-00003.safetensors: the rest of it, "-of-00003.safetensors"; else empty.
std::string ShardTail(const std::string& name) {
  constexpr size_t kDigits = 5;
  const size_t of = name.rfind("-of-");
  if (of == std::string::npos || of < kDigits) return "";
  const bool digits =
      std::all_of(name.begin() + static_cast<ptrdiff_t>(of - kDigits), name.begin() + static_cast<ptrdiff_t>(of),
                  [](unsigned char c) { return std::isdigit(c) != 0; });
  return digits ? name.substr(of) : "";
}

// Where there is neither model.safetensors nor an index: one file of another name, as AutoGPTQ writes, or all shards.
std::vector<std::string> WeightsByName(const FileSet& files) {
  std::vector<std::string> names = files.Names();
  std::erase_if(names, [](const std::string& name) { return !IsWeights(name); });
  if (names.size() <= 1) return names;
  const std::string tail = ShardTail(names.front());
  const bool shards = !tail.empty() && std::all_of(names.begin(), names.end(),
                                                   [&](const std::string& name) { return ShardTail(name) == tail; });
  if (!shards || std::strtoul(tail.c_str() + 4, nullptr, 10) != names.size()) {
    Throw({.path = files.path(),
           .expected = "model.safetensors, its index, or all of its shards",
           .found = std::to_string(names.size()) + " files, " + Printable(names.front()) + " and others",
           .remedy = "download what is missing, or move away what does not belong to the model"});
  }
  return names;
}

}  // namespace

std::vector<std::string> FindSafetensors(const FileSet& files) {
  if (files.Has(kSingle)) return {kSingle};
  if (files.Has(kIndex)) return {kIndex};
  return WeightsByName(files);
}

TensorSet ReadSafetensorsModel(const FileSet& files) {
  const std::vector<std::string> names = FindSafetensors(files);
  if (names.empty()) {
    Throw({.path = files.path(),
           .expected = std::string(kSingle) + " or " + kIndex,
           .found = "neither",
           .remedy = "download the safetensors weights of the model into this folder"});
  }
  if (names.front() == kIndex) return ReadShards(files, kIndex);
  TensorSet set(files.path());
  for (const std::string& name : names) {
    for (Tensor& tensor : ReadSafetensors(files.Open(name))) set.Add(std::move(tensor));
  }
  return set;
}

}  // namespace puna::engine
