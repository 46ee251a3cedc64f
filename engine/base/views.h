// MatView: a borrowed matrix. Row r starts at data + r * stride; stride is counted in elements.
#pragma once

#include <cstdint>
#include <span>
#include <type_traits>

namespace puna::engine {

template <typename T>
struct MatView {
  T* data = nullptr;
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t stride = 0;

  MatView() = default;
  MatView(T* d, int64_t r, int64_t c) : data(d), rows(r), cols(c), stride(c) {}
  MatView(T* d, int64_t r, int64_t c, int64_t s) : data(d), rows(r), cols(c), stride(s) {}
  template <typename U>
  requires std::is_same_v<const U, T> MatView(const MatView<U>& o)
      : data(o.data), rows(o.rows), cols(o.cols), stride(o.stride) {}  // NOLINT

  T* row(int64_t r) const { return data + r * stride; }
  std::span<T> row_span(int64_t r) const { return {row(r), static_cast<size_t>(cols)}; }
  MatView Rows(int64_t first, int64_t count) const { return {row(first), count, cols, stride}; }
  MatView Cols(int64_t first, int64_t count) const { return {data + first, rows, count, stride}; }
};

}  // namespace puna::engine
