// The values that a pickle builds, in an arena: containers hold indices, so that no pickle can make them expensive to
// destroy (deep nesting) or impossible (cycles).
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace puna::engine {

struct PickleValue {
  enum class Kind { kNone, kBool, kInt, kFloat, kString, kGlobal, kTuple, kList, kDict, kStorage, kTensor };
  Kind kind = Kind::kNone;
  int64_t number = 0;      // kBool, kInt
  std::string text;        // kString; kGlobal: "module name"
  std::vector<int> items;  // kTuple, kList; kDict: key, value, key, value; kStorage: the persistent id's tuple;
                           // kTensor: the arguments of _rebuild_tensor_v2
};

using PickleValues = std::vector<PickleValue>;

}  // namespace puna::engine
