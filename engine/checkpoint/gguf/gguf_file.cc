#include "engine/checkpoint/gguf/gguf_file.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "engine/checkpoint/files/checkpoint_fault.h"
#include "engine/checkpoint/files/tensor.h"
#include "engine/checkpoint/gguf/gguf_blocks.h"

namespace puna::engine {
namespace {

using Kind = GgufValue::Kind;

[[noreturn]] void Refuse(const MappedFile& file, const std::string& item, const std::string& expected,
                         const std::string& found) {
  Throw({.path = file.path(), .item = item, .expected = expected, .found = found, .remedy = kDownloadAgain});
}

uint64_t LittleEndian(std::span<const std::byte> bytes) {
  uint64_t value = 0;
  for (size_t i = bytes.size(); i > 0; --i) value = value << 8 | static_cast<uint64_t>(bytes[i - 1]);
  return value;
}

// Reads the file from front to back.
class Cursor {
 public:
  explicit Cursor(const MappedFile& file) : file_(file), bytes_(file.bytes()) {}

  size_t at() const { return at_; }
  uint64_t Number(size_t width) { return LittleEndian(Take(width)); }
  std::string_view Text() {
    const uint64_t size = Number(8);
    const auto part = Take(size);
    return {reinterpret_cast<const char*>(part.data()), part.size()};
  }
  std::span<const std::byte> Take(uint64_t size) {
    if (size > bytes_.size() - at_) {
      Refuse(file_, "header", "bytes inside the file of " + std::to_string(bytes_.size()),
             std::to_string(size) + " bytes at offset " + std::to_string(at_));
    }
    const auto part = bytes_.subspan(at_, size);
    at_ += size;
    return part;
  }
  // A number of things that each take at least `least` bytes of what is left.
  uint64_t Count(uint64_t least, const char* what) {
    const uint64_t count = Number(8);
    const uint64_t most = (bytes_.size() - at_) / least;
    if (count > most) Refuse(file_, what, "at most " + std::to_string(most), std::to_string(count));
    return count;
  }

 private:
  const MappedFile& file_;
  std::span<const std::byte> bytes_;
  size_t at_ = 0;
};

enum ValueType : uint32_t {
  kU8 = 0,
  kI8,
  kU16,
  kI16,
  kU32,
  kI32,
  kF32,
  kBool,
  kString,
  kArray,
  kU64,
  kI64,
  kF64,
};

size_t WidthOf(uint32_t type) {
  constexpr size_t kWidths[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  return type < std::size(kWidths) ? kWidths[type] : 0;
}

GgufValue ScalarOf(uint64_t bits, uint32_t type) {
  GgufValue value;
  if (type == kF32 || type == kF64) {
    value.kind = Kind::kFloat;
    value.real = type == kF32 ? std::bit_cast<float>(static_cast<uint32_t>(bits)) : std::bit_cast<double>(bits);
    return value;
  }
  value.kind = type == kBool ? Kind::kBool : Kind::kInt;
  value.number = type == kI8    ? static_cast<int8_t>(bits)
                 : type == kI16 ? static_cast<int16_t>(bits)
                 : type == kI32 ? static_cast<int32_t>(bits)
                                : static_cast<int64_t>(bits);
  if (type == kU64 && value.number < 0) value.number = INT64_MAX;
  return value;
}

GgufValue ReadArray(Cursor* cursor, const MappedFile& file, const std::string& key) {
  const auto type = static_cast<uint32_t>(cursor->Number(4));
  GgufValue value;
  value.kind = Kind::kArray;
  if (type == kString) {
    value.kind = Kind::kStrings;
    const uint64_t count = cursor->Count(8, "length of an array");
    for (uint64_t i = 0; i < count; ++i) value.strings.push_back(cursor->Text());
    return value;
  }
  if (WidthOf(type) == 0) Refuse(file, key, "an array of numbers or strings", "type " + std::to_string(type));
  const uint64_t count = cursor->Count(WidthOf(type), "length of an array");
  value.element_type = type;
  value.elements = cursor->Take(count * WidthOf(type));
  return value;
}

GgufValue ReadValue(Cursor* cursor, const MappedFile& file, const std::string& key) {
  const auto type = static_cast<uint32_t>(cursor->Number(4));
  if (type == kArray) return ReadArray(cursor, file, key);
  if (type == kString) {
    GgufValue value;
    value.kind = Kind::kString;
    value.text = cursor->Text();
    return value;
  }
  if (WidthOf(type) == 0) Refuse(file, key, "a known type", std::to_string(type));
  return ScalarOf(cursor->Number(WidthOf(type)), type);
}

GgufTensor ReadTensorInfo(Cursor* cursor, const MappedFile& file, uint64_t* offset) {
  GgufTensor tensor;
  tensor.name = std::string(cursor->Text());
  const uint64_t dims = cursor->Number(4);
  if (dims > 4) Refuse(file, Printable(tensor.name), "at most 4 dimensions", std::to_string(dims));
  for (uint64_t i = 0; i < dims; ++i) {
    const uint64_t n = cursor->Number(8);
    if (n > INT64_MAX) Refuse(file, Printable(tensor.name), "a size below 2^63", std::to_string(n));
    tensor.shape.insert(tensor.shape.begin(), static_cast<int64_t>(n));
  }
  tensor.type = static_cast<uint32_t>(cursor->Number(4));
  *offset = cursor->Number(8);
  return tensor;
}

// Where the data of a tensor is, once the header's end is known.
std::span<const std::byte> Locate(const GgufTensor& tensor, uint64_t offset, uint64_t alignment,
                                  std::span<const std::byte> data, const MappedFile& file) {
  const std::string item = Printable(tensor.name);
  const GgufType* type = FindGgufType(tensor.type);
  if (type == nullptr) {
    Throw({.path = file.path(),
           .item = item,
           .expected = "one of " + GgufTypeNames(),
           .found = GgufTypeName(tensor.type),
           .remedy = "use another quantisation of this model, such as its Q4_K_M or IQ4_XS"});
  }
  const int64_t count = ElementCount(tensor.shape);
  const int64_t cols = tensor.shape.empty() ? 1 : tensor.shape.back();
  if (count < 0 || cols % type->block != 0) {
    Refuse(file, item, "rows of a multiple of " + std::to_string(type->block), ShapeText(tensor.shape));
  }
  const auto blocks = static_cast<uint64_t>(count / type->block);
  if (offset % alignment != 0 || offset > data.size() || blocks > (data.size() - offset) / type->bytes) {
    Refuse(file, item,
           std::string(type->name) + " " + ShapeText(tensor.shape) + " inside the data of " +
               std::to_string(data.size()) + " bytes",
           "offset " + std::to_string(offset));
  }
  return data.subspan(offset, blocks * type->bytes);
}

}  // namespace

GgufFile::GgufFile(std::shared_ptr<const MappedFile> file) : file_(std::move(file)) {
  Cursor cursor(*file_);
  if (cursor.Number(4) != 0x46554747) Refuse(*file_, "header", "the letters GGUF", "something else");
  const uint64_t version = cursor.Number(4);
  if (version != 2 && version != 3) Refuse(*file_, "version", "3", std::to_string(version));
  const uint64_t tensor_count = cursor.Count(24, "number of tensors");
  const uint64_t value_count = cursor.Count(13, "number of metadata keys");
  for (uint64_t i = 0; i < value_count; ++i) {
    const std::string key(cursor.Text());
    if (!values_.emplace(key, ReadValue(&cursor, *file_, Printable(key))).second) {
      Refuse(*file_, Printable(key), "each key once", "this one twice");
    }
  }
  std::vector<std::pair<GgufTensor, uint64_t>> found;
  for (uint64_t i = 0; i < tensor_count; ++i) {
    uint64_t offset = 0;
    GgufTensor tensor = ReadTensorInfo(&cursor, *file_, &offset);
    found.emplace_back(std::move(tensor), offset);
  }
  const auto alignment = static_cast<uint64_t>(Int("general.alignment", 1, 1 << 20, 32));
  const uint64_t start = (cursor.at() + alignment - 1) / alignment * alignment;
  const std::span<const std::byte> all = file_->bytes();
  const auto data = all.subspan(std::min<uint64_t>(start, all.size()));
  for (auto& [tensor, offset] : found) {
    tensor.bytes = Locate(tensor, offset, alignment, data, *file_);
    tensor.file = file_;
    const std::string name = tensor.name;
    if (!tensors_.emplace(name, std::move(tensor)).second) {
      Refuse(*file_, Printable(name), "each tensor once", "this one twice");
    }
  }
}

void GgufFile::Join(const GgufFile& part) {
  for (const auto& [name, tensor] : part.tensors_) {
    if (!tensors_.emplace(name, tensor).second)
      Refuse(*part.file_, Printable(name), "each tensor once", "this one twice");
  }
}

const GgufValue* GgufFile::Find(const std::string& key) const {
  const auto it = values_.find(key);
  return it == values_.end() ? nullptr : &it->second;
}

int64_t GgufFile::Int(const std::string& key, int64_t low, int64_t high) const {
  const GgufValue* value = Find(key);
  const bool good = value != nullptr && value->kind == Kind::kInt && value->number >= low && value->number <= high;
  if (!good) {
    const std::string found = value == nullptr            ? "nothing"
                              : value->kind == Kind::kInt ? std::to_string(value->number)
                                                          : "another type";
    Refuse(*file_, key, "an integer from " + std::to_string(low) + " to " + std::to_string(high), found);
  }
  return value->number;
}

int64_t GgufFile::Int(const std::string& key, int64_t low, int64_t high, int64_t fallback) const {
  return Has(key) ? Int(key, low, high) : fallback;
}

double GgufFile::Number(const std::string& key, double low, double high, double fallback) const {
  const GgufValue* value = Find(key);
  if (value == nullptr) return fallback;
  const bool number = value->kind == Kind::kFloat || value->kind == Kind::kInt;
  const double real = value->kind == Kind::kInt ? static_cast<double>(value->number) : value->real;
  if (!number || !(real >= low && real <= high)) {
    Refuse(*file_, key, "a number from " + std::to_string(low) + " to " + std::to_string(high),
           number ? std::to_string(real) : "another type");
  }
  return real;
}

bool GgufFile::Bool(const std::string& key, bool fallback) const {
  const GgufValue* value = Find(key);
  if (value == nullptr) return fallback;
  if (value->kind != Kind::kBool) Refuse(*file_, key, "true or false", "another type");
  return value->number != 0;
}

std::string GgufFile::String(const std::string& key, const std::string& fallback) const {
  const GgufValue* value = Find(key);
  if (value == nullptr) return fallback;
  if (value->kind != Kind::kString) Refuse(*file_, key, "a string", "another type");
  return std::string(value->text);
}

std::span<const std::string_view> GgufFile::Strings(const std::string& key) const {
  const GgufValue* value = Find(key);
  if (value == nullptr) return {};
  if (value->kind != Kind::kStrings) Refuse(*file_, key, "a list of strings", "another type");
  return value->strings;
}

std::vector<int64_t> GgufFile::Ints(const std::string& key) const {
  const GgufValue* value = Find(key);
  if (value == nullptr) return {};
  const uint32_t type = value->element_type;
  if (value->kind != Kind::kArray || type == kF32 || type == kF64 || type == kBool) {
    Refuse(*file_, key, "a list of integers", "another type");
  }
  std::vector<int64_t> numbers;
  numbers.reserve(value->elements.size() / WidthOf(type));
  for (size_t at = 0; at < value->elements.size(); at += WidthOf(type)) {
    numbers.push_back(ScalarOf(LittleEndian(value->elements.subspan(at, WidthOf(type))), type).number);
  }
  return numbers;
}

}  // namespace puna::engine
