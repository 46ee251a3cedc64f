#include "engine/checkpoint/sources/concat_source.h"

#include <algorithm>
#include <utility>

#include "engine/base/check.h"

namespace puna::engine {
namespace {

using Parts = std::vector<std::unique_ptr<WeightSource>>;
using Encoding = WeightSource::Encoding;

class ConcatSource : public WeightSource {
 public:
  ConcatSource(Parts parts, ConcatAxis axis) : parts_(std::move(parts)), by_rows_(axis == ConcatAxis::kRows) {
    rows_ = by_rows_ ? 0 : parts_.front()->rows();
    cols_ = by_rows_ ? parts_.front()->cols() : 0;
    for (const auto& part : parts_) {
      PUNA_CHECK(by_rows_ ? part->cols() == cols_ : part->rows() == rows_) << part->name();
      (by_rows_ ? rows_ : cols_) += by_rows_ ? part->rows() : part->cols();
    }
  }

  std::string name() const override { return parts_.front()->name(); }
  int64_t rows() const override { return rows_; }
  int64_t cols() const override { return cols_; }
  Encoding encoding() const override {
    const bool bf16_only =
        std::all_of(parts_.begin(), parts_.end(), [](const auto& part) { return part->encoding() == Encoding::kBf16; });
    return bf16_only ? Encoding::kBf16 : Encoding::kFloat;
  }

  void ReadFloat(int64_t first, int64_t count, float* out) const override {
    Read(first, count, out,
         [](const WeightSource& part, int64_t from, int64_t n, float* to) { part.ReadFloat(from, n, to); });
  }
  void ReadBf16(int64_t first, int64_t count, bf16* out) const override {
    Read(first, count, out,
         [](const WeightSource& part, int64_t from, int64_t n, bf16* to) { part.ReadBf16(from, n, to); });
  }
  void Release() const override {
    for (const auto& part : parts_) part->Release();
  }

 private:
  template <typename T, typename ReadPart>
  void Read(int64_t first, int64_t count, T* out, ReadPart read) const {
    PUNA_CHECK(first >= 0 && count >= 0 && first + count <= rows_) << name();
    if (by_rows_) {
      int64_t start = 0;
      for (const auto& part : parts_) {
        const int64_t from = std::max(first, start);
        const int64_t to = std::min(first + count, start + part->rows());
        if (from < to) read(*part, from - start, to - from, out + (from - first) * cols_);
        start += part->rows();
      }
      return;
    }
    std::vector<T> piece;
    int64_t column = 0;
    for (const auto& part : parts_) {
      const int64_t width = part->cols();
      piece.resize(static_cast<size_t>(count * width));
      read(*part, first, count, piece.data());
      for (int64_t r = 0; r < count; ++r) {
        std::copy_n(piece.data() + r * width, width, out + r * cols_ + column);
      }
      column += width;
    }
  }

  Parts parts_;
  bool by_rows_;
  int64_t rows_ = 0;
  int64_t cols_ = 0;
};

}  // namespace

std::unique_ptr<WeightSource> Concat(Parts parts, ConcatAxis axis) {
  PUNA_CHECK(!parts.empty());
  if (parts.size() == 1) return std::move(parts.front());
  return std::make_unique<ConcatSource>(std::move(parts), axis);
}

}  // namespace puna::engine
