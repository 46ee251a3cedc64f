// Methods of str, without those that split.
#include <algorithm>

#include "api/template/builtins.h"
#include "api/template/interpreter.h"
#include "api/template/python_ops.h"
#include "api/template/python_text.h"
#include "engine/text/characters.h"
#include "engine/text/utf8.h"

namespace puna::api::jinja {
namespace {

template <bool kLeft, bool kRight>
Value StripMethod(Interpreter& in, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("strip", arguments, {"chars"});
  const TrackedText* chars = bound.HasValue(0) ? &bound.Text(0) : nullptr;
  if (chars == nullptr && !self.markup() && !BeginsOrEndsWithSpace(self.bytes())) return self;
  return Value::String(Strip(in.meter(), self.text(), chars, kLeft, kRight));
}

template <TrackedText (*kMap)(Meter*, const TrackedText&)>
Value MapMethod(Interpreter& in, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("str method", arguments, {});
  return Value::String(kMap(in.meter(), self.text()));
}

// str.title: a capital after everything that is no cased letter.
TrackedText TitleWords(Meter* meter, const TrackedText& text) {
  SpendBytes(meter, text.size());
  TrackedText out(meter);
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

// text[start:stop] of the two optional arguments from `first` on, and the characters before it.
struct Window {
  Window(Meter* meter, const TrackedText& text, const BoundArguments& bound, size_t first) {
    const auto size = static_cast<int64_t>(text.length());
    const auto clip = [&](size_t i, int64_t otherwise) {
      const int64_t at = bound.HasValue(i) ? bound.Int(i, 0) : otherwise;
      return std::clamp<int64_t>(at < 0 ? std::max<int64_t>(at, -size) + size : at, 0, size);
    };
    const int64_t asked = bound.HasValue(first) ? bound.Int(first, 0) : 0;
    start = static_cast<size_t>(clip(first, 0));
    const auto stop = static_cast<size_t>(clip(first + 1, size));
    valid = asked <= size && start <= stop;
    begin = text.OffsetOf(meter, start);
    if (valid) view = std::string_view(text.bytes()).substr(begin, text.OffsetOf(meter, stop) - begin);
  }
  bool valid;
  size_t start;  // in characters
  size_t begin;  // in bytes
  std::string_view view;
};

template <bool kFromRight>
Value FindMethodOf(Interpreter& in, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("find", arguments, {"sub", "start", "end"}, 1);
  const Window window(in.meter(), self.text(), bound, 1);
  const std::string& sub = bound.Text(0).bytes();
  SpendBytes(in.meter(), window.view.size());
  const size_t at = !window.valid ? std::string::npos : kFromRight ? window.view.rfind(sub) : window.view.find(sub);
  if (at != std::string::npos) {
    return Value::Int(static_cast<int64_t>(window.start + text::CountCodePoints(window.view.substr(0, at))));
  }
  return Value::Int(-1);
}

Value CountMethod(Interpreter& in, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("count", arguments, {"sub", "start", "end"}, 1);
  const Window window(in.meter(), self.text(), bound, 1);
  const std::string& sub = bound.Text(0).bytes();
  SpendBytes(in.meter(), window.view.size());
  if (!window.valid) return Value::Int(0);
  if (sub.empty()) return Value::Int(static_cast<int64_t>(text::CountCodePoints(window.view)) + 1);
  int64_t count = 0;
  for (size_t at = window.view.find(sub); at != std::string::npos; at = window.view.find(sub, at + sub.size())) {
    ++count;
  }
  return Value::Int(count);
}

template <bool kEnd>
Value AffixMethod(Interpreter& in, const Value& self, const Arguments& arguments) {
  const BoundArguments bound(kEnd ? "endswith" : "startswith", arguments, {"affix", "start", "end"}, 1);
  const Window window(in.meter(), self.text(), bound, 1);
  const auto matches = [&](const Value& affix) {
    CheckDefined(affix);
    if (!affix.IsString()) {
      Fail(std::string(kEnd ? "endswith" : "startswith") + " first arg must be str or a tuple of str, not " +
           TypeName(affix));
    }
    Spend(in.meter(), 1 + affix.text().size() / 32);
    if (!window.valid) return false;
    return kEnd ? window.view.ends_with(affix.bytes()) : window.view.starts_with(affix.bytes());
  };
  const Value& affixes = bound[0];
  if (!affixes.IsList() || affixes.list().flavour != ListFlavour::kTuple) return Value::Bool(matches(affixes));
  const auto& items = affixes.list().items;
  return Value::Bool(std::any_of(items.begin(), items.end(), matches));
}

template <bool kEnd>
Value RemoveAffixMethod(Interpreter& in, const Value& self, const Arguments& arguments) {
  const BoundArguments bound(kEnd ? "removesuffix" : "removeprefix", arguments, {"affix"}, 1);
  const TrackedText& text = self.text();
  const std::string& affix = bound.Text(0).bytes();
  const bool matches = kEnd ? text.bytes().ends_with(affix) : text.bytes().starts_with(affix);
  if (!matches) return self;
  const size_t rest = text.size() - affix.size();
  return Value::String(kEnd ? text.Substring(in.meter(), 0, rest)
                            : text.Substring(in.meter(), affix.size(), text.size()));
}

Value ReplaceMethod(Interpreter& in, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("replace", arguments, {"old", "new", "count"}, 2);
  return Value::String(Replace(in.meter(), self.text(), bound.Text(0), bound.Text(1), bound.Int(2, -1)));
}

Value JoinMethod(Interpreter& in, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("join", arguments, {"iterable"}, 1);
  const auto items = Items(in.meter(), bound[0]);
  for (size_t i = 0; i < items->items.size(); ++i) {
    if (items->items[i].IsString()) continue;
    Fail("sequence item " + std::to_string(i) + ": expected str instance, " + TypeName(items->items[i]) + " found");
  }
  return Value::String(Join(in.meter(), self.text(), items->items));
}

}  // namespace

const std::vector<NamedBuiltin>& StringMethods() {
  static const std::vector<NamedBuiltin> table = {
      {"strip", StripMethod<true, true>},
      {"lstrip", StripMethod<true, false>},
      {"rstrip", StripMethod<false, true>},
      {"upper", MapMethod<Upper>},
      {"lower", MapMethod<Lower>},
      {"capitalize", MapMethod<Capitalize>},
      {"title", MapMethod<TitleWords>},
      {"find", FindMethodOf<false>},
      {"rfind", FindMethodOf<true>},
      {"count", CountMethod},
      {"startswith", AffixMethod<false>},
      {"endswith", AffixMethod<true>},
      {"removeprefix", RemoveAffixMethod<false>},
      {"removesuffix", RemoveAffixMethod<true>},
      {"replace", ReplaceMethod},
      {"join", JoinMethod},
  };
  return table;
}

}  // namespace puna::api::jinja
