// Filters on text.
#include <algorithm>

#include "api/template/builtins.h"
#include "api/template/interpreter.h"
#include "api/template/python_ops.h"
#include "api/template/python_text.h"
#include "engine/text/characters.h"
#include "engine/text/utf8.h"

namespace puna::api::jinja {
namespace {

template <TrackedText (*kMap)(Meter*, const TrackedText&)>
Value MapFilter(Interpreter& in, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("filter", arguments, {});
  return Value::String(kMap(in.meter(), Str(in.meter(), self)));
}

Value TrimFilter(Interpreter& in, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("trim", arguments, {"chars"});
  const TrackedText* chars = bound.HasValue(0) ? &bound.Text(0) : nullptr;
  if (self.IsString() && !self.markup() && chars == nullptr && !BeginsOrEndsWithSpace(self.bytes())) return self;
  return Value::String(self.IsString() ? Strip(in.meter(), self.text(), chars, true, true)
                                       : Strip(in.meter(), Str(in.meter(), self), chars, true, true));
}

// Jinja's own title, which is not str.title: a capital at the start and after white space and - ( { [ <.
TrackedText TitleFilterText(Meter* meter, const TrackedText& text) {
  SpendBytes(meter, text.size());
  TrackedText out(meter);
  bool inside = false;
  for (size_t at = 0; at < text.size();) {
    const text::Utf8Char c = text::DecodeUtf8(text.bytes(), at);
    const bool separates = text::IsSpace(c.code_point) ||
                           (c.code_point < 0x80 &&
                            std::string_view("-({[<").find(static_cast<char>(c.code_point)) != std::string_view::npos);
    std::string mapped;
    inside ? text::AppendLower(c.code_point, mapped) : text::AppendUpper(c.code_point, mapped);
    out.Append(mapped, text.TrustedAt(at));
    inside = !separates;
    at += c.length;
  }
  return out;
}

Value ReplaceFilter(Interpreter& in, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("replace", arguments, {"old", "new", "count"}, 2);
  const int64_t count = bound.HasValue(2) ? bound.Int(2, -1) : -1;
  return Value::String(
      Replace(in.meter(), Str(in.meter(), self), Str(in.meter(), bound[0]), Str(in.meter(), bound[1]), count));
}

Value StringFilter(Interpreter& in, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("string", arguments, {});
  return self.IsString() ? self : Value::String(Str(in.meter(), self));
}

Value SafeFilter(Interpreter& in, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("safe", arguments, {});
  return Value::String(Str(in.meter(), self)).WithMarkup();
}

Value IndentFilter(Interpreter& in, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("indent", arguments, {"width", "first", "blank"});
  CheckDefined(self);
  if (!self.IsString()) Fail(std::string("indent() needs a str, not ") + TypeName(self));
  TrackedText indention(in.meter());
  if (bound.Has(0) && bound[0].IsString()) {
    indention = bound[0].text();
  } else {
    for (int64_t i = bound.Int(0, 4); i > 0; --i) indention.Append(" ", false);
  }
  TrackedText text(in.meter());
  text.Append(self.text());
  text.Append("\n", false);
  const bool blank = bound.Flag(2, false);
  TrackedText out(in.meter());
  if (bound.Flag(1, false)) out.Append(indention);
  bool first = true;
  for (const TrackedText& line : SplitLines(in.meter(), text, false)) {
    if (!first) {
      out.Append("\n", false);
      if (blank || !line.empty()) out.Append(indention);
    }
    first = false;
    out.Append(line);
  }
  return Value::String(std::move(out));
}

Value ToJsonFilter(Interpreter& in, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("tojson", arguments, {"ensure_ascii", "indent", "separators", "sort_keys"});
  JsonStyle style;
  style.ensure_ascii = bound.Flag(0, false);
  style.sort_keys = bound.Flag(3, false);
  if (bound.HasValue(1)) {
    style.has_indent = true;
    style.item_separator = TrackedText(in.meter(), ",", false);
    if (bound[1].IsString()) {
      style.indent = bound[1].bytes();
    } else {
      const int64_t width = bound.Int(1, 0);
      if (width > 1000) Fail("tojson(): the indent is too large");
      style.indent = std::string(static_cast<size_t>(std::max<int64_t>(0, width)), ' ');
    }
  }
  if (bound.HasValue(2)) {
    const auto separators = Items(in.meter(), bound[2]);
    if (separators->items.size() != 2 || !separators->items[0].IsString() || !separators->items[1].IsString()) {
      Fail("tojson(): separators must be two strings");
    }
    style.item_separator = separators->items[0].text();
    style.key_separator = separators->items[1].text();
  }
  TrackedText json(in.meter());
  AppendJson(json, self, style);
  return Value::String(std::move(json));
}

}  // namespace

const std::vector<NamedBuiltin>& TextFilters() {
  static const std::vector<NamedBuiltin> table = {
      {"trim", TrimFilter},
      {"upper", MapFilter<Upper>},
      {"lower", MapFilter<Lower>},
      {"capitalize", MapFilter<Capitalize>},
      {"title", MapFilter<TitleFilterText>},
      {"replace", ReplaceFilter},
      {"string", StringFilter},
      {"safe", SafeFilter},
      {"indent", IndentFilter},
      {"tojson", ToJsonFilter},
  };
  return table;
}

}  // namespace puna::api::jinja
