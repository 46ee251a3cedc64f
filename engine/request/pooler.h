// Pooler: the hidden states of a prompt, made one vector while the steps compute them.
#pragma once

#include <vector>

#include "engine/base/views.h"
#include "engine/request/request.h"

namespace puna::engine {

class Pooler {
 public:
  // `pooling` is not kNone.
  explicit Pooler(Pooling pooling) : pooling_(pooling) {}

  // kMean: positions that have been taken in; the next rows are those behind them.
  int num_pooled() const { return num_pooled_; }

  // rows: [positions, hidden_size], the final norm's output. kMean: of every position, in order; kLast: of the last
  // one. Sums are taken position by position in double, so that it does not matter how a prompt was cut into steps.
  void Add(MatView<const float> rows);

  // The vector, scaled to length 1 (one of zeros stays so). At least one row has been added.
  std::vector<float> Result() const;

 private:
  Pooling pooling_;
  int num_pooled_ = 0;
  std::vector<double> sum_;  // [hidden_size]
};

}  // namespace puna::engine
