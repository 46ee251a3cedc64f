// The order of the rows of q_proj and k_proj in a file. Hugging Face rotates the halves of a head: pairs (i, i + d/2).
// Meta and GGUF rotate neighbours: pairs (2i, 2i + 1). The same weights, another order of rows within each head.
#pragma once

#include <cstdint>

namespace puna::engine {

struct RowOrder {
  int64_t interleaved_head_dim = 0;  // 0: rows lie in Hugging Face's order

  bool natural() const { return interleaved_head_dim == 0; }

  // Where Hugging Face's row is in the file.
  int64_t InFile(int64_t row) const {
    if (natural()) return row;
    const int64_t half = interleaved_head_dim / 2;
    const int64_t j = row % interleaved_head_dim;
    return row - j + (j < half ? 2 * j : 2 * (j - half) + 1);
  }
};

}  // namespace puna::engine
