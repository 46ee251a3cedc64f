// consolidated.NN.pth: what torch.save writes, a zip archive with data.pkl, byteorder and data/KEY for each storage.
#pragma once

#include <memory>
#include <vector>

#include "engine/checkpoint/files/tensor.h"

namespace puna::engine {

// The tensors of one file, in place; several may share a storage. Only contiguous ones. Throws std::runtime_error with
// path, tensor or entry, expected and found; nothing in the file is executed (see pickle.h).
std::vector<Tensor> ReadPth(const std::shared_ptr<const MappedFile>& file);

}  // namespace puna::engine
