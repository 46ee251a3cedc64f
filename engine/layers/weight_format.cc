#include "engine/layers/weight_format.h"

namespace puna::engine {
namespace {

constexpr std::string_view kOrdered = " order";

}  // namespace

const char* Name(WeightFormat format) {
  switch (format) {
    case WeightFormat::kBf16:
      return "bf16";
    case WeightFormat::kW8A8:
      return "w8a8";
    case WeightFormat::kW4A8:
      return "w4a8";
    case WeightFormat::kGroups:
      return "groups";
  }
  return "?";
}

std::string Name(const WeightForm& form) {
  if (form.format != WeightFormat::kGroups) return Name(form.format);
  return Name(form.groups) + std::string(form.ordered ? kOrdered : "");
}

std::optional<WeightForm> WeightFormOf(std::string_view name) {
  for (const WeightFormat format : {WeightFormat::kBf16, WeightFormat::kW8A8, WeightFormat::kW4A8}) {
    if (name == Name(format)) return format;
  }
  const bool ordered = name.ends_with(kOrdered);
  if (ordered) name.remove_suffix(kOrdered.size());
  if (const std::optional<GroupForm> groups = GroupFormOf(name)) return WeightForm(*groups, ordered);
  return std::nullopt;
}

std::optional<GroupForm> KernelForm(GroupForm form, int64_t cols) {
  if (form.group <= 0 || cols % form.group != 0) return std::nullopt;
  if (form.scale != GroupForm::Scale::kTwoLevel) {
    for (const int group : {128, 64, 32}) {
      if (form.group % group != 0) continue;
      form.group = group;
      break;
    }
  }
  if (!IsValid(form) || cols % UnitColumns(form) != 0) return std::nullopt;
  return form;
}

}  // namespace puna::engine
