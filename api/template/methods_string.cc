// Methods of str, without those that split.
#include <algorithm>

#include "api/template/builtins.h"
#include "api/template/python_ops.h"
#include "api/template/python_text.h"
#include "engine/text/characters.h"
#include "engine/text/utf8.h"

namespace puna::api::jinja {
namespace {

template <bool kLeft, bool kRight>
Value StripMethod(Interpreter&, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("strip", arguments, {"chars"});
  const TrackedText* chars = bound.HasValue(0) ? &bound.Text(0) : nullptr;
  return Value::String(Strip(self.text(), chars, kLeft, kRight));
}

template <TrackedText (*kMap)(const TrackedText&)>
Value MapMethod(Interpreter&, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("str method", arguments, {});
  return Value::String(kMap(self.text()));
}

// str.title: a capital after everything that is no cased letter.
TrackedText TitleWords(const TrackedText& text) {
  SpendBytes(text.size());
  TrackedText out;
  bool inside = false;
  for (size_t at = 0; at < text.size();) {
    const text::Utf8Char c = text::DecodeUtf8(text.bytes(), at);
    std::string mapped;
    inside ? text::AppendLower(c.code_point, mapped) : text::AppendTitle(c.code_point, mapped);
    out.Append(mapped, text.TrustedAt(at));
    inside = text::IsUpper(c.code_point) || text::IsLower(c.code_point);
    at += c.length;
  }
  return out;
}

TrackedText SwapCase(const TrackedText& text) {
  SpendBytes(text.size());
  TrackedText out;
  for (size_t at = 0; at < text.size();) {
    const text::Utf8Char c = text::DecodeUtf8(text.bytes(), at);
    std::string mapped;
    text::IsUpper(c.code_point) ? text::AppendLower(c.code_point, mapped) : text::AppendUpper(c.code_point, mapped);
    out.Append(mapped, text.TrustedAt(at));
    at += c.length;
  }
  return out;
}

// text[start:stop] of the two optional arguments from `first` on, and the characters before it.
struct Window {
  Window(const TrackedText& text, const BoundArguments& bound, size_t first) {
    const auto size = static_cast<int64_t>(text.length());
    const auto clip = [&](size_t i, int64_t otherwise) {
      const int64_t at = bound.HasValue(i) ? bound.Int(i, 0) : otherwise;
      return std::clamp<int64_t>(at < 0 ? std::max<int64_t>(at, -size) + size : at, 0, size);
    };
    const int64_t asked = bound.HasValue(first) ? bound.Int(first, 0) : 0;
    start = static_cast<size_t>(clip(first, 0));
    const auto stop = static_cast<size_t>(clip(first + 1, size));
    valid = asked <= size && start <= stop;
    begin = text.OffsetOf(start);
    if (valid) view = std::string_view(text.bytes()).substr(begin, text.OffsetOf(stop) - begin);
  }
  bool valid;
  size_t start;  // in characters
  size_t begin;  // in bytes
  std::string_view view;
};

template <bool kFromRight, bool kMustFind>
Value FindMethodOf(Interpreter&, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("find", arguments, {"sub", "start", "end"}, 1);
  const Window window(self.text(), bound, 1);
  const std::string& sub = bound.Text(0).bytes();
  SpendBytes(window.view.size());
  const size_t at = !window.valid ? std::string::npos : kFromRight ? window.view.rfind(sub) : window.view.find(sub);
  if (at != std::string::npos) {
    return Value::Int(static_cast<int64_t>(window.start + text::CountCodePoints(window.view.substr(0, at))));
  }
  if (kMustFind) Fail("substring not found");
  return Value::Int(-1);
}

Value CountMethod(Interpreter&, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("count", arguments, {"sub", "start", "end"}, 1);
  const Window window(self.text(), bound, 1);
  const std::string& sub = bound.Text(0).bytes();
  SpendBytes(window.view.size());
  if (!window.valid) return Value::Int(0);
  if (sub.empty()) return Value::Int(static_cast<int64_t>(text::CountCodePoints(window.view)) + 1);
  int64_t count = 0;
  for (size_t at = window.view.find(sub); at != std::string::npos; at = window.view.find(sub, at + sub.size())) {
    ++count;
  }
  return Value::Int(count);
}

template <bool kEnd>
Value AffixMethod(Interpreter&, const Value& self, const Arguments& arguments) {
  const BoundArguments bound(kEnd ? "endswith" : "startswith", arguments, {"affix", "start", "end"}, 1);
  const Window window(self.text(), bound, 1);
  const auto matches = [&](const Value& affix) {
    CheckDefined(affix);
    if (!affix.IsString()) {
      Fail(std::string(kEnd ? "endswith" : "startswith") + " first arg must be str or a tuple of str, not " +
           TypeName(affix));
    }
    Spend(1 + affix.text().size() / 32);
    if (!window.valid) return false;
    return kEnd ? window.view.ends_with(affix.bytes()) : window.view.starts_with(affix.bytes());
  };
  const Value& affixes = bound[0];
  if (!affixes.IsList() || affixes.list().flavour != ListFlavour::kTuple) return Value::Bool(matches(affixes));
  const auto& items = affixes.list().items;
  return Value::Bool(std::any_of(items.begin(), items.end(), matches));
}

template <bool kEnd>
Value RemoveAffixMethod(Interpreter&, const Value& self, const Arguments& arguments) {
  const BoundArguments bound(kEnd ? "removesuffix" : "removeprefix", arguments, {"affix"}, 1);
  const TrackedText& text = self.text();
  const std::string& affix = bound.Text(0).bytes();
  const bool matches = kEnd ? text.bytes().ends_with(affix) : text.bytes().starts_with(affix);
  if (!matches) return self;
  const size_t rest = text.size() - affix.size();
  return Value::String(kEnd ? text.Substring(0, rest) : text.Substring(affix.size(), text.size()));
}

Value ReplaceMethod(Interpreter&, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("replace", arguments, {"old", "new", "count"}, 2);
  return Value::String(Replace(self.text(), bound.Text(0), bound.Text(1), bound.Int(2, -1)));
}

Value JoinMethod(Interpreter&, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("join", arguments, {"iterable"}, 1);
  const auto items = Items(bound[0]);
  for (size_t i = 0; i < items->items.size(); ++i) {
    if (items->items[i].IsString()) continue;
    Fail("sequence item " + std::to_string(i) + ": expected str instance, " + TypeName(items->items[i]) + " found");
  }
  return Value::String(Join(self.text(), items->items));
}

using CharTest = bool (*)(char32_t);

// Whether there is a character and all pass, as isdigit() and its kin.
template <CharTest kTest>
Value AllMethod(Interpreter&, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("str method", arguments, {});
  const std::string& bytes = self.bytes();
  SpendBytes(bytes.size());
  for (size_t at = 0; at < bytes.size();) {
    const text::Utf8Char c = text::DecodeUtf8(bytes, at);
    if (!kTest(c.code_point)) return Value::Bool(false);
    at += c.length;
  }
  return Value::Bool(!bytes.empty());
}

// isupper, islower: some cased letter, and none of the other case.
template <CharTest kWanted, CharTest kOther>
Value CaseMethod(Interpreter&, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("str method", arguments, {});
  const std::string& bytes = self.bytes();
  SpendBytes(bytes.size());
  bool found = false;
  for (size_t at = 0; at < bytes.size();) {
    const text::Utf8Char c = text::DecodeUtf8(bytes, at);
    if (kOther(c.code_point)) return Value::Bool(false);
    found = found || kWanted(c.code_point);
    at += c.length;
  }
  return Value::Bool(found);
}

enum class Side { kLeft, kRight, kBoth };

template <Side kFill>
Value JustifyMethod(Interpreter&, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("justify", arguments, {"width", "fillchar"}, 1);
  const TrackedText space(" ", false);
  const TrackedText& fill = bound.Has(1) ? bound.Text(1) : space;
  if (fill.length() != 1) Fail("The fill character must be exactly one character long");
  const int64_t missing = bound.Int(0, 0) - static_cast<int64_t>(self.text().length());
  if (missing <= 0) return self;
  // Python puts the odd one of a centred text on the left when the width is odd.
  const int64_t left = kFill == Side::kLeft    ? missing
                       : kFill == Side::kRight ? 0
                                               : missing / 2 + (missing & bound.Int(0, 0) & 1);
  TrackedText out;
  for (int64_t i = 0; i < left; ++i) out.Append(fill);
  out.Append(self.text());
  for (int64_t i = left; i < missing; ++i) out.Append(fill);
  return Value::String(std::move(out));
}

Value ZfillMethod(Interpreter&, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("zfill", arguments, {"width"}, 1);
  const TrackedText& text = self.text();
  const size_t sign = text.bytes().starts_with('-') || text.bytes().starts_with('+') ? 1 : 0;
  TrackedText out = text.Substring(0, sign);
  for (auto size = static_cast<int64_t>(text.length()); size < bound.Int(0, 0); ++size) out.Append("0", false);
  out.AppendRange(text, sign, text.size());
  return Value::String(std::move(out));
}

const Value* FindField(const Arguments& arguments, const std::string& name, size_t& next) {
  if (name.find_first_not_of("0123456789") == name.npos) {
    const size_t at = name.empty() ? next++ : name.size() < 6 ? std::stoul(name) : SIZE_MAX;
    return at < arguments.positional.size() ? &arguments.positional[at] : nullptr;
  }
  for (const auto& [key, value] : arguments.named) {
    if (key == name) return &value;
  }
  return nullptr;
}

// "{} {0} {name}".format(...), without format specifications.
Value FormatMethod(Interpreter&, const Value& self, const Arguments& arguments) {
  const TrackedText& format = self.text();
  const std::string& bytes = format.bytes();
  TrackedText out;
  size_t next = 0;
  for (size_t at = 0; at < bytes.size();) {
    const size_t brace = std::min(bytes.find_first_of("{}", at), bytes.size());
    out.AppendRange(format, at, brace);
    at = brace + 1;
    if (brace == bytes.size()) break;
    if (at < bytes.size() && bytes[at] == bytes[brace]) {
      out.AppendRange(format, at, at + 1);
      ++at;
      continue;
    }
    const size_t end = bytes.find('}', at);
    if (bytes[brace] == '}' || end == bytes.npos) Fail("a single brace in a format string");
    const std::string name = bytes.substr(at, end - at);
    if (name.find_first_of(":!.[{") != name.npos) {
      Fail("str.format(): the field '{" + name + "}' is more than a name or a number, which is not supported");
    }
    const Value* value = FindField(arguments, name, next);
    if (value == nullptr) Fail("str.format(): nothing given for the field '{" + name + "}'");
    AppendStr(out, *value);
    at = end + 1;
  }
  return Value::String(std::move(out));
}

}  // namespace

const std::vector<NamedBuiltin>& StringMethods() {
  static const std::vector<NamedBuiltin> table = {
      {"strip", StripMethod<true, true>},
      {"lstrip", StripMethod<true, false>},
      {"rstrip", StripMethod<false, true>},
      {"upper", MapMethod<Upper>},
      {"lower", MapMethod<Lower>},
      {"casefold", MapMethod<Lower>},
      {"capitalize", MapMethod<Capitalize>},
      {"title", MapMethod<TitleWords>},
      {"swapcase", MapMethod<SwapCase>},
      {"find", FindMethodOf<false, false>},
      {"rfind", FindMethodOf<true, false>},
      {"index", FindMethodOf<false, true>},
      {"rindex", FindMethodOf<true, true>},
      {"count", CountMethod},
      {"startswith", AffixMethod<false>},
      {"endswith", AffixMethod<true>},
      {"removeprefix", RemoveAffixMethod<false>},
      {"removesuffix", RemoveAffixMethod<true>},
      {"replace", ReplaceMethod},
      {"join", JoinMethod},
      {"format", FormatMethod},
      {"isdigit", AllMethod<text::IsDigit>},
      {"isdecimal", AllMethod<text::IsDigit>},
      {"isnumeric", AllMethod<text::IsNumeric>},
      {"isalpha", AllMethod<text::IsAlpha>},
      {"isalnum", AllMethod<text::IsAlnum>},
      {"isspace", AllMethod<text::IsSpace>},
      {"isupper", CaseMethod<text::IsUpper, text::IsLower>},
      {"islower", CaseMethod<text::IsLower, text::IsUpper>},
      {"rjust", JustifyMethod<Side::kLeft>},
      {"ljust", JustifyMethod<Side::kRight>},
      {"center", JustifyMethod<Side::kBoth>},
      {"zfill", ZfillMethod},
  };
  return table;
}

}  // namespace puna::api::jinja
