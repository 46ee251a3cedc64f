// Scales, minima and zero points of a quantised matrix as tensors hold them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/checkpoint/files/tensor.h"
#include "engine/kernels/group_form.h"

namespace puna::engine {

// Whether a float16 holds each of these exactly: kHalf, or else kFloat. Reads bf16 and f32 tensors.
GroupForm::Scale ScaleKind(const Tensor& scales);

// How many scales each of `rows` rows of `cols` columns has, from the shape [rows, n], [rows], [1] or []. Throws for others.
int64_t GroupsOf(const Tensor& scales, int64_t rows, int64_t cols);

// Group of each column, checked to lie in [0, groups).
std::vector<int32_t> ReadGroupIndex(const Tensor& g_idx, int64_t cols, int64_t groups);

}  // namespace puna::engine
