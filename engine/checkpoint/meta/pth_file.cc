#include "engine/checkpoint/meta/pth_file.h"

#include <map>
#include <string>
#include <utility>

#include "engine/checkpoint/files/checkpoint_fault.h"
#include "engine/checkpoint/meta/pickle.h"
#include "engine/checkpoint/meta/zip_directory.h"

namespace puna::engine {
namespace {

constexpr size_t kMaxPickle = size_t{16} << 20;

using Entries = std::map<std::string, std::span<const std::byte>>;

// All entries stand under one folder, whose name is the archive's: "consolidated.00/data.pkl".
std::string FindPrefix(const Entries& entries, const MappedFile& file) {
  constexpr std::string_view kPickle = "/data.pkl";
  for (const auto& [name, bytes] : entries) {
    if (name.ends_with(kPickle) && name.find('/') == name.size() - kPickle.size()) {
      return name.substr(0, name.size() - kPickle.size() + 1);
    }
  }
  Throw({.path = file.path(),
         .expected = "an entry NAME/data.pkl",
         .found = std::to_string(entries.size()) + " other entries",
         .remedy = "this is not a checkpoint from torch.save: download it again"});
}

void CheckByteOrder(const Entries& entries, const std::string& prefix, const MappedFile& file) {
  const auto it = entries.find(prefix + "byteorder");
  if (it == entries.end()) return;
  const std::string order(reinterpret_cast<const char*>(it->second.data()), it->second.size());
  if (order == "little") return;
  Throw({.path = file.path(),
         .item = "byteorder",
         .expected = "little",
         .found = Printable(order),
         .remedy = "save the checkpoint on a little-endian machine"});
}

// Row-major without gaps; a dimension of 1 may have any stride.
bool IsContiguous(const PickledTensor& tensor) {
  if (tensor.shape.size() != tensor.stride.size()) return false;
  int64_t expected = 1;
  for (size_t i = tensor.shape.size(); i-- > 0;) {
    if (tensor.shape[i] == 1) continue;
    if (tensor.stride[i] != expected) return false;
    expected *= tensor.shape[i];
  }
  return true;
}

Tensor MakeTensor(const PickledTensor& pickled, const Entries& entries, const std::string& prefix,
                  const std::shared_ptr<const MappedFile>& file) {
  const auto fail = [&](const std::string& expected, const std::string& found) {
    Throw({.path = file->path(),
           .item = Printable(pickled.name),
           .expected = expected,
           .found = found,
           .remedy = kDownloadAgain});
  };
  const auto it = entries.find(prefix + "data/" + pickled.storage_key);
  if (it == entries.end()) fail("an entry data/" + Printable(pickled.storage_key), "none");
  const std::span<const std::byte> storage = it->second;
  const auto width = static_cast<int64_t>(SizeOf(pickled.dtype));
  const auto held = static_cast<int64_t>(storage.size()) / width;
  if (pickled.storage_size != held || storage.size() % static_cast<size_t>(width) != 0) {
    fail("a storage of " + std::to_string(pickled.storage_size) + " elements", std::to_string(held));
  }
  const int64_t count = ElementCount(pickled.shape);
  if (count < 0 || count > held || pickled.offset > held - count) {
    fail("a part of its storage of " + std::to_string(held) + " elements",
         ShapeText(pickled.shape) + " at offset " + std::to_string(pickled.offset));
  }
  if (!IsContiguous(pickled))
    fail("a contiguous tensor", ShapeText(pickled.shape) + " with strides " + ShapeText(pickled.stride));
  const auto part = storage.subspan(static_cast<size_t>(pickled.offset * width), static_cast<size_t>(count * width));
  return {.name = pickled.name, .dtype = pickled.dtype, .shape = pickled.shape, .bytes = part, .file = file};
}

}  // namespace

std::vector<Tensor> ReadPth(const std::shared_ptr<const MappedFile>& file) {
  const Entries entries = ReadZipDirectory(*file);
  const std::string prefix = FindPrefix(entries, *file);
  CheckByteOrder(entries, prefix, *file);
  const std::span<const std::byte> pickle = entries.at(prefix + "data.pkl");
  if (pickle.size() > kMaxPickle) {
    Throw({.path = file->path(),
           .item = "data.pkl",
           .expected = "at most " + std::to_string(kMaxPickle) + " bytes",
           .found = std::to_string(pickle.size()),
           .remedy = kDownloadAgain});
  }
  std::vector<Tensor> tensors;
  for (const PickledTensor& pickled : ReadPickledTensors(pickle, file->path())) {
    tensors.push_back(MakeTensor(pickled, entries, prefix, file));
  }
  return tensors;
}

}  // namespace puna::engine
