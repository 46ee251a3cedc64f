// The stack machine that a pickle is a program for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/checkpoint/meta/pickle_values.h"

namespace puna::engine {

class PickleMachine {
 public:
  // path is for messages; both must outlive the machine.
  PickleMachine(std::span<const std::byte> program, const std::string& path) : program_(program), path_(path) {}

  // Runs up to STOP and returns the value on top of the stack, an index into values(). Throws std::runtime_error for
  // anything but what torch.save writes for tensors.
  int Run();
  const PickleValues& values() const { return values_; }

 private:
  [[noreturn]] void Refuse(const std::string& expected, const std::string& found) const;
  uint64_t Take(size_t width);  // an unsigned little-endian number of the program
  std::string TakeText(uint64_t size);
  std::string TakeLine();
  int Add(PickleValue value);
  void Push(int value) { stack_.push_back(value); }
  void PushNew(PickleValue value) { Push(Add(std::move(value))); }
  void PushInt(int64_t number) {
    PushNew({.kind = PickleValue::Kind::kInt, .number = number, .text = {}, .items = {}});
  }
  int Pop();
  int Top();  // stays
  std::vector<int> PopToMark();
  void Step(uint8_t opcode);
  bool StepScalar(uint8_t opcode);
  bool StepMemo(uint8_t opcode);
  bool StepContainer(uint8_t opcode);
  void PushTuple(size_t size);
  void AddItems(PickleValue::Kind kind, const std::vector<int>& items);
  void PushLong();
  void PushGlobal();
  void Reduce();
  void Build();
  void Memoize(uint64_t slot);

  std::span<const std::byte> program_;
  const std::string& path_;
  size_t at_ = 0;
  PickleValues values_;
  std::vector<int> stack_;
  std::vector<size_t> marks_;  // stack sizes
  std::vector<int> memo_;      // -1: empty
};

}  // namespace puna::engine
