// The forms in which a linear layer's weights are held and multiplied at run time.
#pragma once

#include <string>
#include <string_view>

namespace puna::engine {

enum class WeightFormat {
  kBf16,  // bf16 weights, bf16 activations, float32 sums
  kW8A8,  // int8 per output row, int8 activations per token, exact int32 sums
  kW4A8,  // int4 in groups of 32 with a float16 scale each, int8 activations per token
};

const char* Name(WeightFormat format);

}  // namespace puna::engine
