// One weight out of the parts that a model-parallel checkpoint has in several files.
#pragma once

#include <memory>
#include <vector>

#include "engine/checkpoint/sources/weight_source.h"

namespace puna::engine {

enum class ConcatAxis { kRows, kCols };

// Parts in order; they agree in their other dimension. kBf16 when every part is, else kFloat.
std::unique_ptr<WeightSource> Concat(std::vector<std::unique_ptr<WeightSource>> parts, ConcatAxis axis);

}  // namespace puna::engine
