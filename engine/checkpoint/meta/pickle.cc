#include "engine/checkpoint/meta/pickle.h"

#include <array>
#include <optional>
#include <utility>

#include "engine/checkpoint/files/checkpoint_fault.h"
#include "engine/checkpoint/meta/pickle_machine.h"

namespace puna::engine {
namespace {

using Kind = PickleValue::Kind;

std::optional<DType> StorageType(const std::string& global) {
  constexpr std::pair<const char*, DType> kTypes[] = {
      {"torch BFloat16Storage", DType::kBf16}, {"torch HalfStorage", DType::kF16}, {"torch FloatStorage", DType::kF32},
      {"torch DoubleStorage", DType::kF64},    {"torch CharStorage", DType::kI8},  {"torch ByteStorage", DType::kU8},
      {"torch ShortStorage", DType::kI16},     {"torch IntStorage", DType::kI32},  {"torch LongStorage", DType::kI64},
      {"torch BoolStorage", DType::kBool}};
  for (const auto& [name, dtype] : kTypes) {
    if (global == name) return dtype;
  }
  return std::nullopt;
}

// Turns the values of a finished pickle into tensors; `name` is the tensor at work, for messages.
class TensorReader {
 public:
  TensorReader(const PickleValues& values, const std::string& path) : values_(values), path_(path) {}

  PickledTensor Read(const std::string& name, const PickleValue& tensor) const {
    // _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, backward_hooks[, metadata])
    if (tensor.items.size() < 6 || tensor.items.size() > 7) Refuse(name, "6 or 7 arguments");
    PickledTensor out;
    out.name = name;
    ReadStorage(At(tensor.items[0]), &out);
    out.offset = Number(name, At(tensor.items[1]));
    out.shape = Numbers(name, At(tensor.items[2]));
    out.stride = Numbers(name, At(tensor.items[3]));
    return out;
  }
  const PickleValue& At(int index) const { return values_[static_cast<size_t>(index)]; }

 private:
  [[noreturn]] void Refuse(const std::string& name, const std::string& expected) const {
    Throw({.path = path_,
           .item = Printable(name),
           .expected = expected,
           .found = "another description of the tensor",
           .remedy = "save the checkpoint again with torch.save"});
  }

  // ("storage", storage type, key, location, number of elements)
  void ReadStorage(const PickleValue& storage, PickledTensor* out) const {
    if (storage.kind != Kind::kStorage || storage.items.size() != 5) Refuse(out->name, "a storage");
    const PickleValue& tag = At(storage.items[0]);
    const PickleValue& key = At(storage.items[2]);
    const PickleValue& type = At(storage.items[1]);
    if (tag.kind != Kind::kString || tag.text != "storage" || key.kind != Kind::kString || type.kind != Kind::kGlobal) {
      Refuse(out->name, "a storage");
    }
    const std::optional<DType> dtype = StorageType(type.text);
    if (!dtype) Refuse(out->name, "a storage type that we know, not " + Printable(type.text));
    out->storage_key = key.text;
    out->dtype = *dtype;
    out->storage_size = Number(out->name, At(storage.items[4]));
  }
  int64_t Number(const std::string& name, const PickleValue& value) const {
    if (value.kind != Kind::kInt || value.number < 0) Refuse(name, "sizes that are not negative");
    return value.number;
  }
  std::vector<int64_t> Numbers(const std::string& name, const PickleValue& tuple) const {
    if (tuple.kind != Kind::kTuple || tuple.items.size() > 8) Refuse(name, "at most 8 dimensions");
    std::vector<int64_t> numbers;
    for (const int item : tuple.items) numbers.push_back(Number(name, At(item)));
    return numbers;
  }

  const PickleValues& values_;
  const std::string& path_;
};

}  // namespace

std::vector<PickledTensor> ReadPickledTensors(std::span<const std::byte> pickle, const std::string& path) {
  PickleMachine machine(pickle, path);
  const int top = machine.Run();
  const TensorReader reader(machine.values(), path);
  const PickleValue& dict = reader.At(top);
  if (dict.kind != Kind::kDict) {
    Throw({.path = path,
           .expected = "a dictionary of tensors",
           .found = "another value",
           .remedy = "save the model's state_dict with torch.save"});
  }
  std::vector<PickledTensor> tensors;
  for (size_t i = 0; i + 1 < dict.items.size(); i += 2) {
    const PickleValue& key = reader.At(dict.items[i]);
    const PickleValue& value = reader.At(dict.items[i + 1]);
    if (value.kind != Kind::kTensor) continue;
    if (key.kind != Kind::kString) {
      Throw({.path = path,
             .expected = "strings as names of tensors",
             .found = "another value",
             .remedy = "save the model's state_dict with torch.save"});
    }
    tensors.push_back(reader.Read(key.text, value));
  }
  return tensors;
}

}  // namespace puna::engine
