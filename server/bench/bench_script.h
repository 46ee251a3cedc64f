// Script: a constraint under which a sequence can only become a given text, so that a benchmark with random weights
// writes real text while every step costs what it costs.
#pragma once

#include <vector>

#include "engine/request/token_constraint.h"

namespace puna::server {

class Script : public engine::TokenConstraint {
 public:
  // guessing: guesses are let through whether the script says so or not, and are verified by the model's step as
  // always; otherwise none is.
  Script(std::vector<engine::TokenId> ids, bool guessing) : ids_(std::move(ids)), guessing_(guessing) {}

  bool active() const override { return next_ < ids_.size(); }
  void MaskNext(std::span<uint64_t> allowed) override {
    if (!active()) return;
    const auto id = static_cast<size_t>(ids_[next_]);
    for (size_t word = 0; word < allowed.size(); ++word) {
      allowed[word] = word == id / 64 ? uint64_t{1} << (id % 64) : 0;
    }
  }
  void Accept(engine::TokenId) override { ++next_; }
  std::vector<engine::TokenId> Forced() override { return {}; }
  int CountAccepted(std::span<const engine::TokenId> ids) override {
    return guessing_ ? static_cast<int>(ids.size()) : 0;
  }

 private:
  const std::vector<engine::TokenId> ids_;
  const bool guessing_;
  size_t next_ = 0;
};

}  // namespace puna::server
