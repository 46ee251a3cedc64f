// Numbers between two bounds, as grammar.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "engine/grammar/schema/json_nodes.h"

namespace puna::engine {

// Whole numbers from lo to hi, both included; an absent bound is as far as JsonNodes' digits go, or
// as the other bound needs. Nothing matches when lo > hi.
NodeId IntegerRange(std::optional<int64_t> lo, std::optional<int64_t> hi, JsonNodes& json, GrammarBuilder& builder);

// A bound of decimal numbers, exactly as its digits say.
struct DecimalBound {
  bool negative = false;
  std::string whole;     // digits without leading zeros; empty: 0
  std::string fraction;  // digits without trailing zeros
  bool exclusive = false;
};
// The shortest decimal that reads as `value`; none when it is too large or too fine to write with
// 15 digits on either side.
std::optional<DecimalBound> ToDecimal(double value, bool exclusive);

// Decimal numbers (no exponent, at most `fraction_digits` digits behind the point) between the bounds.
NodeId DecimalRange(const std::optional<DecimalBound>& lo, const std::optional<DecimalBound>& hi, int fraction_digits,
                    JsonNodes& json, GrammarBuilder& builder);

}  // namespace puna::engine
