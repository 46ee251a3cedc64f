#include "engine/scheduler/guess_credit.h"

#include <doctest/doctest.h>

#include <initializer_list>

namespace puna::engine {
namespace {

TEST_CASE("credit: a few steps at first, a share of what is written, what came true; bad guesses end it") {
  GuessCredit credit;
  CHECK_FALSE(credit.Affords(0));  // nothing is known
  credit.Settle(0, 5, 5);
  CHECK_FALSE(credit.Affords(0));
  credit.Settle(2, 0, 0);
  CHECK(credit.seconds() == doctest::Approx(2 * GuessCredit::kFirst + 2 * GuessCredit::kShare));
  CHECK(credit.Affords(0));
  CHECK(credit.Affords(2 * GuessCredit::kFirst));
  CHECK_FALSE(credit.Affords(2 * GuessCredit::kFirst + 1));
  credit.Settle(2, 7, 0);
  CHECK_FALSE(credit.Affords(0));
  credit.Settle(2, 1, 8);  // four came true
  CHECK(credit.Affords(5));
  for (int i = 0; i < 100; ++i) credit.Settle(2, 1, 8);
  CHECK(credit.seconds() == doctest::Approx(2 * GuessCredit::kMost));
}

TEST_CASE("credit: whatever is tried as long as it lasts, 256 tokens take less than 2 % more") {
  for (const double cost : {0.1, 0.5, 1.0}) {
    CAPTURE(cost);
    GuessCredit credit;
    double lost = 0;
    for (int token = 0; token < 256; ++token) {
      const double more = credit.Affords(cost) ? cost : 0;
      lost += more;
      credit.Settle(1, more, 0);
    }
    CHECK(lost > 1);
    CHECK(lost < 0.018 * 256);
  }
}

TEST_CASE("credit: so many ids are read as it pays for") {
  GuessCredit credit;
  CHECK(credit.NumReadable() == 0);
  credit.Settle(1, 0, 0);
  CHECK(credit.NumReadable() == GuessCredit::kFirstRead);
  credit.ObserveRead(12, 0.12);
  CHECK(credit.NumReadable() == 300);
  credit.Settle(1, 2, 0);
  CHECK(credit.NumReadable() == 100);
  credit.Settle(1, 2, 0);
  CHECK(credit.NumReadable() == 0);
}

}  // namespace
}  // namespace puna::engine
