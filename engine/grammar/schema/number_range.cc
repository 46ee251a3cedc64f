#include "engine/grammar/schema/number_range.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace puna::engine {
namespace {

// Digit strings between two others of the same length, and decimals between two others.
class DigitRanges {
 public:
  DigitRanges(JsonNodes& json, GrammarBuilder& builder) : json_(json), b_(builder) {}

  // lo and hi have as many digits; lo <= hi.
  NodeId SameLength(const std::string& lo, const std::string& hi) {
    const size_t n = lo.size();
    if (n == 0) return b_.Empty();
    if (lo == std::string(n, '0') && hi == std::string(n, '9'))
      return json_.Digits(static_cast<int>(n), static_cast<int>(n));
    const std::string low_rest = lo.substr(1), high_rest = hi.substr(1);
    if (lo[0] == hi[0]) return b_.Sequence({b_.Literal(lo.substr(0, 1)), SameLength(low_rest, high_rest)});
    std::vector<NodeId> branches{
        b_.Sequence({b_.Literal(lo.substr(0, 1)), SameLength(low_rest, std::string(n - 1, '9'))}),
        b_.Sequence({b_.Literal(hi.substr(0, 1)), SameLength(std::string(n - 1, '0'), high_rest)})};
    if (hi[0] - lo[0] > 1) {
      branches.push_back(b_.Sequence({b_.Range(static_cast<uint8_t>(lo[0] + 1), static_cast<uint8_t>(hi[0] - 1)),
                                      json_.Digits(static_cast<int>(n) - 1, static_cast<int>(n) - 1)}));
    }
    return b_.Choice(std::move(branches));
  }

  // Whole numbers of 0 and more, without leading zeros; nothing when lo > hi.
  NodeId Whole(uint64_t lo, uint64_t hi) {
    std::vector<NodeId> branches;
    while (lo <= hi) {
      const std::string low = std::to_string(lo);
      const std::string nines(low.size(), '9');
      const uint64_t top = std::min<uint64_t>(hi, std::stoull(nines));
      branches.push_back(SameLength(low, std::to_string(top)));
      lo = top + 1;
    }
    return b_.Choice(std::move(branches));
  }

  // Up to `room` digits behind the point that, as a fraction, lie between the bounds; the digits so
  // far equal the bounds' beginnings. `at_least`/`at_most`: the rest of the bound, null: free.
  NodeId Fraction(const std::string* at_least, bool above, const std::string* at_most, bool below, int room) {
    if (!at_least && !at_most) return json_.Digits(0, room);
    std::vector<NodeId> branches;
    // Ending here means that only zeros follow.
    const bool low_ok = !at_least || (at_least->empty() && !above);
    const bool high_ok = !at_most || !at_most->empty() || !below;
    if (low_ok && high_ok) branches.push_back(b_.Empty());
    const auto digit = [](const std::string* s) { return s->empty() ? '0' : s->front(); };
    const auto rest = [](const std::string* s) { return s->empty() ? std::string() : s->substr(1); };
    for (char d = '0'; room > 0 && d <= '9'; ++d) {
      if ((at_least && d < digit(at_least)) || (at_most && d > digit(at_most))) continue;
      const bool on_low = at_least && d == digit(at_least), on_high = at_most && d == digit(at_most);
      const std::string low = on_low ? rest(at_least) : "", high = on_high ? rest(at_most) : "";
      branches.push_back(
          b_.Sequence({b_.Range(static_cast<uint8_t>(d), static_cast<uint8_t>(d)),
                       Fraction(on_low ? &low : nullptr, above, on_high ? &high : nullptr, below, room - 1)}));
    }
    return b_.Choice(std::move(branches));
  }

  // Like Fraction, with the point; a point needs a digit behind it.
  NodeId Point(const std::string* at_least, bool above, const std::string* at_most, bool below, int room) {
    std::vector<NodeId> branches;
    const bool low_ok = !at_least || (at_least->empty() && !above);
    const bool high_ok = !at_most || !at_most->empty() || !below;
    if (low_ok && high_ok) branches.push_back(b_.Empty());
    if (room > 0) {
      const NodeId digits = Fraction(at_least, above, at_most, below, room);
      branches.push_back(b_.Sequence({b_.Literal("."), NotEmpty(digits, at_least, above, at_most, below, room)}));
    }
    return b_.Choice(std::move(branches));
  }

  // Decimals of 0 and more between the bounds.
  NodeId Decimals(const DecimalBound& lo, const std::optional<DecimalBound>& hi, int room) {
    const uint64_t low = ToWhole(lo), most = 999'999'999'999'999;
    const uint64_t high = hi ? ToWhole(*hi) : most;
    const auto exactly = [&](uint64_t whole) { return b_.Literal(std::to_string(whole)); };
    std::vector<NodeId> branches;
    if (hi && low == high) {
      branches.push_back(
          b_.Sequence({exactly(low), Point(&lo.fraction, lo.exclusive, &hi->fraction, hi->exclusive, room)}));
    } else if (low < high) {
      branches.push_back(b_.Sequence({exactly(low), Point(&lo.fraction, lo.exclusive, nullptr, false, room)}));
      if (hi)
        branches.push_back(b_.Sequence({exactly(high), Point(nullptr, false, &hi->fraction, hi->exclusive, room)}));
      const uint64_t last = hi ? high - 1 : high;
      branches.push_back(b_.Sequence({Whole(low + 1, last), Point(nullptr, false, nullptr, false, room)}));
    }
    return b_.Choice(std::move(branches));
  }

 private:
  static uint64_t ToWhole(const DecimalBound& bound) { return bound.whole.empty() ? 0 : std::stoull(bound.whole); }

  NodeId NotEmpty(NodeId digits, const std::string* at_least, bool above, const std::string* at_most, bool below,
                  int room) {
    if (!at_least && !at_most) return json_.Digits(1, room);
    const bool low_ok = !at_least || (at_least->empty() && !above);
    const bool high_ok = !at_most || !at_most->empty() || !below;
    if (!low_ok || !high_ok) return digits;  // cannot be empty
    // The first branch is the empty one.
    std::vector<NodeId> branches = b_.node(digits).children;
    if (b_.node(digits).kind != GrammarNode::Kind::kChoice) return b_.Choice({});  // only the empty text
    branches.erase(branches.begin());
    return b_.Choice(std::move(branches));
  }

  JsonNodes& json_;
  GrammarBuilder& b_;
};

uint64_t Magnitude(int64_t value) {
  return value < 0 ? uint64_t{0} - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
}

}  // namespace

NodeId IntegerRange(std::optional<int64_t> lo, std::optional<int64_t> hi, JsonNodes& json, GrammarBuilder& builder) {
  if (!lo && !hi) return json.Integer();
  constexpr int64_t kFar = 999'999'999'999'999, kFarthest = 999'999'999'999'999'999;
  const int64_t known = lo ? *lo : *hi;
  const int64_t far = Magnitude(known) >= Magnitude(kFar) ? kFarthest : kFar;
  const int64_t low = lo.value_or(-far), high = hi.value_or(far);
  DigitRanges ranges(json, builder);
  std::vector<NodeId> branches;
  if (high >= 0 && low <= high)
    branches.push_back(ranges.Whole(static_cast<uint64_t>(std::max<int64_t>(low, 0)), static_cast<uint64_t>(high)));
  if (low < 0 && low <= high) {
    const uint64_t nearest = high < 0 ? Magnitude(high) : 1;
    branches.push_back(builder.Sequence({builder.Literal("-"), ranges.Whole(nearest, Magnitude(low))}));
  }
  return builder.Choice(std::move(branches));
}

std::optional<DecimalBound> ToDecimal(double value, bool exclusive) {
  if (!std::isfinite(value) || std::fabs(value) >= 1e15) return std::nullopt;
  std::string text(64, '\0');
  for (int digits = 0; digits <= 15; ++digits) {
    text.resize(64);
    text.resize(static_cast<size_t>(std::snprintf(text.data(), text.size(), "%.*f", digits, std::fabs(value))));
    if (std::stod(text) != std::fabs(value)) continue;
    DecimalBound bound{std::signbit(value) && value != 0, {}, {}, exclusive};
    const size_t point = text.find('.');
    bound.whole = text.substr(0, point);
    if (point != std::string::npos) bound.fraction = text.substr(point + 1);
    bound.whole.erase(0, bound.whole.find_first_not_of('0'));
    while (!bound.fraction.empty() && bound.fraction.back() == '0') bound.fraction.pop_back();
    return bound;
  }
  return std::nullopt;
}

NodeId DecimalRange(const std::optional<DecimalBound>& lo, const std::optional<DecimalBound>& hi, int fraction_digits,
                    JsonNodes& json, GrammarBuilder& builder) {
  DigitRanges ranges(json, builder);
  const DecimalBound zero;
  std::vector<NodeId> branches;
  // 0 and above, then below 0 with the bounds' signs turned.
  if (!hi || !hi->negative) branches.push_back(ranges.Decimals(lo && !lo->negative ? *lo : zero, hi, fraction_digits));
  if (!lo || lo->negative) {
    const DecimalBound nearest = hi && hi->negative ? *hi : DecimalBound{false, "", "", true};
    branches.push_back(builder.Sequence({builder.Literal("-"), ranges.Decimals(nearest, lo, fraction_digits)}));
  }
  return builder.Choice(std::move(branches));
}

}  // namespace puna::engine
