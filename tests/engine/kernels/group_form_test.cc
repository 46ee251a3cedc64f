#include "engine/kernels/group_form.h"

#include <doctest/doctest.h>

namespace puna::engine {
namespace {

using Code = GroupForm::Code;
using Scale = GroupForm::Scale;
using Base = GroupForm::Base;

double BitsPerWeight(const GroupForm& form) {
  return static_cast<double>(PartsOf(form).bytes) * 8 / (UnitColumns(form) * 64.0);
}

TEST_CASE("every form that the kernels have is found again by its name, and no other") {
  int valid = 0;
  for (const Code code : {Code::kInt4, Code::kInt5, Code::kInt6, Code::kInt8, Code::kIq4, Code::kNf4, Code::kE4M3}) {
    for (const int group : {8, 16, 32, 64, 128, 256}) {
      for (const Scale scale : {Scale::kHalf, Scale::kFloat, Scale::kTwoLevel}) {
        for (const Base base : {Base::kOffset, Base::kMinimum, Base::kZero}) {
          const GroupForm form{code, group, scale, base};
          CAPTURE(Name(form));
          const std::optional<GroupForm> found = GroupFormOf(Name(form));
          CHECK(found.has_value() == IsValid(form));
          if (found) CHECK(*found == form);
          valid += IsValid(form);
        }
      }
    }
  }
  CHECK(valid == 4 * (3 * 2 * 3 + 2 * 2) + (3 * 2 + 2) + 2 * (3 * 2));
  CHECK(!GroupFormOf("int4/32 "));
  CHECK(!GroupFormOf(""));
}

TEST_CASE("forms take the memory of the files' formats, or a little more") {
  CHECK(BitsPerWeight({Code::kInt4, 32, Scale::kHalf, Base::kOffset}) == 4.5);         // Q4_0: 4.5
  CHECK(BitsPerWeight({Code::kInt4, 32, Scale::kHalf, Base::kMinimum}) == 5.0);        // Q4_1: 5
  CHECK(BitsPerWeight({Code::kInt4, 32, Scale::kTwoLevel, Base::kMinimum}) == 4.625);  // Q4_K: 4.5
  CHECK(BitsPerWeight({Code::kInt5, 32, Scale::kTwoLevel, Base::kMinimum}) == 5.625);  // Q5_K: 5.5
  CHECK(BitsPerWeight({Code::kInt6, 16, Scale::kTwoLevel, Base::kOffset}) == 6.5625);  // Q6_K: 6.5625
  CHECK(BitsPerWeight({Code::kInt8, 32, Scale::kHalf, Base::kOffset}) == 8.5);         // Q8_0: 8.5
  CHECK(BitsPerWeight({Code::kInt4, 64, Scale::kHalf, Base::kMinimum}) == 4.5);        // MLX: 4.5
  CHECK(BitsPerWeight({Code::kInt4, 128, Scale::kHalf, Base::kZero}) == 4.1875);       // AWQ: 4.16
  CHECK(BitsPerWeight({Code::kE4M3, 128, Scale::kFloat, Base::kOffset}) == 8.25);      // FP8: 8
  CHECK(BitsPerWeight({Code::kNf4, 64, Scale::kFloat, Base::kOffset}) == 4.5);         // NF4: 4.13 to 4.5
  CHECK(BitsPerWeight({Code::kIq4, 32, Scale::kTwoLevel, Base::kOffset}) == 4.3125);   // IQ4_XS: 4.25
}

}  // namespace
}  // namespace puna::engine
