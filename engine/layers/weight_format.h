// The forms in which a linear layer's weights are held and multiplied at run time.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "engine/kernels/group_form.h"

namespace puna::engine {

enum class WeightFormat {
  kBf16,    // bf16 weights, bf16 activations, float32 sums
  kW8A8,    // int8 per output row, int8 activations per token, exact int32 sums
  kW4A8,    // int4 in groups of 32 with a float16 scale each, int8 activations per token
  kGroups,  // a file's own codes and scales as its GroupForm says, int8 activations per token
};

const char* Name(WeightFormat format);

// How one matrix is held.
struct WeightForm {
  WeightForm() = default;
  WeightForm(WeightFormat f)
      : format(f) {}  // NOLINT(google-explicit-constructor): a format is a whole form but for kGroups
  explicit WeightForm(const GroupForm& form, bool in_own_order = false)
      : format(WeightFormat::kGroups), groups(form), ordered(in_own_order) {}

  WeightFormat format = WeightFormat::kBf16;
  GroupForm groups{};  // kGroups only
  bool ordered =
      false;  // kGroups only: columns in an order of the matrix's own, where a group's lie together (act-order)

  bool operator==(const WeightForm&) const = default;
};

// "bf16", "w8a8", "w4a8", or the group form's, and " order" behind it: "int4/32 k min", "int4/128 zero order". And back.
std::string Name(const WeightForm& form);
std::optional<WeightForm> WeightFormOf(std::string_view name);

// The form in which the kernels hold a matrix of `form` with these columns, the same values in the same codes: groups that are
// too wide for them become several with the same scale. None: they cannot.
std::optional<GroupForm> KernelForm(GroupForm form, int64_t cols);

inline constexpr int kNumFormats = 4;

// Some of the formats.
class FormatSet {
 public:
  constexpr FormatSet() = default;
  constexpr FormatSet(WeightFormat format) : bits_(Bit(format)) {}  // NOLINT(google-explicit-constructor): a set of one

  constexpr bool Has(WeightFormat format) const { return (bits_ & Bit(format)) != 0; }
  constexpr bool operator==(const FormatSet&) const = default;
  constexpr FormatSet operator|(FormatSet other) const {
    FormatSet both;
    both.bits_ = bits_ | other.bits_;
    return both;
  }

 private:
  static constexpr unsigned Bit(WeightFormat format) { return 1u << static_cast<unsigned>(format); }
  unsigned bits_ = 0;
};

inline constexpr FormatSet kAllFormats =
    FormatSet(WeightFormat::kBf16) | WeightFormat::kW8A8 | WeightFormat::kW4A8 | WeightFormat::kGroups;

}  // namespace puna::engine
