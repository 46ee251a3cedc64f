// Writes what torch.save writes, for tests: a zip archive of stored entries with a pickle of protocol 2.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tests/support/tiny_checkpoint.h"

namespace puna::testing {

struct ZipEntry {
  std::string name;
  std::string bytes;
  int method = 0;  // 0 stored
  int flags = 0x800;
};

// zip64: sizes and offsets stand in extra fields and a zip64 end record, as for files above 4 GiB.
inline std::string ZipBytes(const std::vector<ZipEntry>& entries, bool zip64 = false) {
  const auto n = [](uint64_t value, int width) { return LittleEndian(value, width); };
  std::string out, directory;
  for (const ZipEntry& e : entries) {
    const uint64_t at = out.size(), size = e.bytes.size(), small = zip64 ? 0xffffffff : size;
    out += n(0x04034b50, 4) + n(20, 2) + n(e.flags, 2) + n(e.method, 2) + n(0, 8) + n(size, 4) + n(size, 4) +
           n(e.name.size(), 2) + n(3, 2) + e.name + "pad" + e.bytes;
    const std::string extra =
        zip64 ? n(0x9999, 2) + n(1, 2) + "x" + n(1, 2) + n(24, 2) + n(size, 8) + n(size, 8) + n(at, 8) : "";
    directory += n(0x02014b50, 4) + n(20, 2) + n(20, 2) + n(e.flags, 2) + n(e.method, 2) + n(0, 8) + n(small, 4) +
                 n(small, 4) + n(e.name.size(), 2) + n(extra.size(), 2) + n(0, 10) + n(zip64 ? 0xffffffff : at, 4) +
                 e.name + extra;
  }
  const uint64_t start = out.size(), end64 = start + directory.size();
  out += directory;
  if (zip64) {
    out += n(0x06064b50, 4) + n(44, 8) + n(45, 2) + n(45, 2) + n(0, 8) + n(entries.size(), 8) + n(entries.size(), 8) +
           n(directory.size(), 8) + n(start, 8);
    out += n(0x07064b50, 4) + n(0, 4) + n(end64, 8) + n(1, 4);
  }
  const uint64_t count = zip64 ? 0xffff : entries.size();
  return out + n(0x06054b50, 4) + n(0, 4) + n(count, 2) + n(count, 2) + n(zip64 ? 0xffffffff : directory.size(), 4) +
         n(zip64 ? 0xffffffff : start, 4) + n(0, 2);
}

// Pieces of a pickle.
inline std::string PickleText(const std::string& text) { return "X" + LittleEndian(text.size(), 4) + text; }
inline std::string PickleInt(int64_t value) { return "J" + LittleEndian(static_cast<uint64_t>(value), 4); }
inline std::string PickleGlobal(const std::string& module, const std::string& name) {
  return "c" + module + "\n" + name + "\n";
}
inline std::string PickleInts(const std::vector<int64_t>& values) {
  std::string out = "(";
  for (const int64_t value : values) out += PickleInt(value);
  return out + "t";
}

inline std::string PickleStorage(const std::string& type, const std::string& key, int64_t size) {
  return "(" + PickleText("storage") + PickleGlobal("torch", type) + PickleText(key) + PickleText("cpu") +
         PickleInt(size) + "tQ";
}

// A tensor over elements [offset, ...) of a storage.
inline std::string PickleTensor(const std::string& storage, int64_t offset, const std::vector<int64_t>& shape,
                                const std::vector<int64_t>& stride) {
  return PickleGlobal("torch._utils", "_rebuild_tensor_v2") + "(" + storage + PickleInt(offset) + PickleInts(shape) +
         PickleInts(stride) + "\x89" + PickleGlobal("collections", "OrderedDict") + ")RtR";
}

// items: keys and values, already pickled.
inline std::string PickleDict(const std::string& items) { return "\x80\x02}(" + items + "u."; }

inline std::vector<int64_t> ContiguousStride(const std::vector<int64_t>& shape) {
  std::vector<int64_t> stride(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;) stride[i - 1] = stride[i] * shape[i];
  return stride;
}

inline const char* StorageOf(const std::string& dtype) {
  return dtype == "BF16" ? "BFloat16Storage" : dtype == "I8" ? "CharStorage" : "FloatStorage";
}

// One storage for each tensor. Types: BF16, I8, F32.
inline std::string PthBytes(const std::vector<TinyTensor>& tensors) {
  std::vector<ZipEntry> entries = {{"tiny/data.pkl", ""}, {"tiny/byteorder", "little"}};
  std::string items;
  for (const TinyTensor& tensor : tensors) {
    const std::string key = std::to_string(entries.size());
    const int64_t width = tensor.dtype == "BF16" ? 2 : tensor.dtype == "I8" ? 1 : 4;
    const std::string storage =
        PickleStorage(StorageOf(tensor.dtype), key, static_cast<int64_t>(tensor.bytes.size()) / width);
    items += PickleText(tensor.name) + PickleTensor(storage, 0, tensor.shape, ContiguousStride(tensor.shape));
    entries.push_back({"tiny/data/" + key, tensor.bytes});
  }
  entries[0].bytes = PickleDict(items);
  return ZipBytes(entries);
}

}  // namespace puna::testing
