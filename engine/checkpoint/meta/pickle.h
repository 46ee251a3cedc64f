// A reader for the few pickles that torch.save writes for a dictionary of tensors. It runs nothing: of all the
// callables that a pickle can name it knows OrderedDict, torch._utils._rebuild_tensor_v2 and torch's storage types, as
// data; any other is an error that names it. Opcodes: Python's pickletools.py, protocol 2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/checkpoint/files/tensor.h"

namespace puna::engine {

// A tensor as the pickle describes it: a view of a storage, in elements.
struct PickledTensor {
  std::string name;
  std::string storage_key;  // file "data/KEY" of the archive
  DType dtype = DType::kBf16;
  int64_t storage_size = 0;  // elements
  int64_t offset = 0;        // elements
  std::vector<int64_t> shape;
  std::vector<int64_t> stride;
};

// The tensors of a pickled dict or OrderedDict from names to tensors. Values that are not tensors are skipped.
// path is for messages. Throws std::runtime_error.
std::vector<PickledTensor> ReadPickledTensors(std::span<const std::byte> pickle, const std::string& path);

}  // namespace puna::engine
