#include "engine/grammar/automata/unicode_properties.h"

#include <algorithm>
#include <map>
#include <span>

namespace puna::engine {
namespace {

enum class PropertyKind { kCategory, kScript, kBinary };
struct UnicodeProperty {
  PropertyKind kind;
  std::string_view name, alias;
  size_t first, count;  // in kUnicodeRanges, in pairs
};
struct CaseFoldRun {
  uint32_t first, last, step;
  int32_t delta;
};

#include "engine/grammar/automata/unicode_properties.inc"

void AddRanges(const UnicodeProperty& property, std::vector<CharSet::Range>& ranges) {
  const auto pairs = std::span(kUnicodeRanges).subspan(2 * property.first, 2 * property.count);
  for (size_t i = 0; i < pairs.size(); i += 2) ranges.emplace_back(pairs[i], pairs[i + 1]);
}

// The one-letter name of a group of categories; 0: it is none.
char GroupOf(std::string_view name) {
  static constexpr std::pair<std::string_view, char> kGroups[] = {{"Letter", 'L'},      {"Mark", 'M'},  {"Number", 'N'},
                                                                  {"Punctuation", 'P'}, {"punct", 'P'}, {"Symbol", 'S'},
                                                                  {"Separator", 'Z'},   {"Other", 'C'}};
  if (name.size() == 1 && std::string_view("LMNPSZC").find(name[0]) != std::string_view::npos) return name[0];
  for (const auto& [group, letter] : kGroups) {
    if (name == group) return letter;
  }
  return 0;
}

}  // namespace

std::optional<CharSet> UnicodePropertyChars(std::string_view name) {
  if (name == "Any") return CharSet::All();
  if (name == "ASCII") return CharSet{{0, 0x7F}};
  if (name == "Assigned") return UnicodePropertyChars("Cn")->Complement();
  std::optional<PropertyKind> kind;
  if (const size_t equals = name.find('='); equals != std::string_view::npos) {
    const std::string_view key = name.substr(0, equals);
    if (key == "Script" || key == "sc" || key == "Script_Extensions" || key == "scx")
      kind = PropertyKind::kScript;
    else if (key == "General_Category" || key == "gc")
      kind = PropertyKind::kCategory;
    else
      return std::nullopt;
    name.remove_prefix(equals + 1);
  }
  const char group = kind != PropertyKind::kScript ? GroupOf(name) : '\0';
  const bool cased = kind != PropertyKind::kScript && (name == "LC" || name == "Cased_Letter");
  std::vector<CharSet::Range> ranges;
  bool found = false;
  for (const UnicodeProperty& property : kUnicodeProperties) {
    if (kind && property.kind != *kind) continue;
    const bool category = property.kind == PropertyKind::kCategory;
    const bool in_group =
        category && ((group != 0 && property.name[0] == group) ||
                     (cased && property.name[0] == 'L' && property.name[1] != 'm' && property.name[1] != 'o'));
    if (!in_group && property.name != name && (property.alias.empty() || property.alias != name)) continue;
    AddRanges(property, ranges);
    found = true;
  }
  return found ? std::optional(CharSet(std::move(ranges))) : std::nullopt;
}

CharSet CloseOverCase(const CharSet& set) {
  std::map<uint32_t, std::vector<uint32_t>> by_fold;
  for (const CaseFoldRun& run : kCaseFoldRuns) {
    for (uint32_t c = run.first; c <= run.last; c += run.step)
      by_fold[c + static_cast<uint32_t>(run.delta)].push_back(c);
  }
  std::vector<CharSet::Range> ranges = set.ranges();
  for (auto& [fold, chars] : by_fold) {
    chars.push_back(fold);
    if (std::none_of(chars.begin(), chars.end(), [&](uint32_t c) { return set.Contains(c); })) continue;
    for (const uint32_t c : chars) ranges.emplace_back(c, c);
  }
  return CharSet(std::move(ranges));
}

}  // namespace puna::engine
