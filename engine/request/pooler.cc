#include "engine/request/pooler.h"

#include <cmath>

#include "engine/base/check.h"

namespace puna::engine {

void Pooler::Add(MatView<const float> rows) {
  if (pooling_ == Pooling::kLast || sum_.empty()) sum_.assign(rows.cols, 0.0);
  PUNA_CHECK(rows.cols == static_cast<int64_t>(sum_.size())) << rows.cols << ' ' << sum_.size();
  for (int64_t r = 0; r < rows.rows; ++r) {
    const float* row = rows.row(r);
    for (int64_t i = 0; i < rows.cols; ++i) sum_[i] += row[i];
  }
  num_pooled_ += static_cast<int>(rows.rows);
}

// The mean differs from the sum by its length only, which does not stay.
std::vector<float> Pooler::Result() const {
  PUNA_CHECK(num_pooled_ > 0);
  double squares = 0;
  for (const double value : sum_) squares += value * value;
  const double scale = squares > 0 ? 1 / std::sqrt(squares) : 0;
  std::vector<float> vector;
  vector.reserve(sum_.size());
  for (const double value : sum_) vector.push_back(static_cast<float>(value * scale));
  return vector;
}

}  // namespace puna::engine
