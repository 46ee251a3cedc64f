// Filters on text.
#include <algorithm>

#include "api/template/builtins.h"
#include "api/template/python_ops.h"
#include "api/template/python_text.h"
#include "engine/text/characters.h"
#include "engine/text/utf8.h"

namespace puna::api::jinja {
namespace {

template <TrackedText (*kMap)(const TrackedText&)>
Value MapFilter(Interpreter&, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("filter", arguments, {});
  return Value::String(kMap(Str(self)));
}

Value TrimFilter(Interpreter&, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("trim", arguments, {"chars"});
  const TrackedText* chars = bound.HasValue(0) ? &bound.Text(0) : nullptr;
  return Value::String(self.IsString() ? Strip(self.text(), chars, true, true) : Strip(Str(self), chars, true, true));
}

// Jinja's own title, which is not str.title: a capital at the start and after white space and - ( { [ <.
TrackedText TitleFilterText(const TrackedText& text) {
  SpendBytes(text.size());
  TrackedText out;
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

Value ReplaceFilter(Interpreter&, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("replace", arguments, {"old", "new", "count"}, 2);
  const int64_t count = bound.HasValue(2) ? bound.Int(2, -1) : -1;
  return Value::String(Replace(Str(self), Str(bound[0]), Str(bound[1]), count));
}

Value StringFilter(Interpreter&, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("string", arguments, {});
  return self.IsString() ? self : Value::String(Str(self));
}

Value SafeFilter(Interpreter&, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("safe", arguments, {});
  return Value::String(Str(self)).WithMarkup();
}

Value EscapeFilter(Interpreter&, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("escape", arguments, {});
  return EscapeHtml(self);
}

Value ForceEscapeFilter(Interpreter&, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("forceescape", arguments, {});
  return EscapeHtml(Value::String(Str(self)));
}

Value IndentFilter(Interpreter&, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("indent", arguments, {"width", "first", "blank"});
  CheckDefined(self);
  if (!self.IsString()) Fail(std::string("indent() needs a str, not ") + TypeName(self));
  TrackedText indention;
  if (bound.Has(0) && bound[0].IsString()) {
    indention = bound[0].text();
  } else {
    for (int64_t i = bound.Int(0, 4); i > 0; --i) indention.Append(" ", false);
  }
  TrackedText text = self.text();
  text.Append("\n", false);
  const bool blank = bound.Flag(2, false);
  TrackedText out;
  if (bound.Flag(1, false)) out.Append(indention);
  bool first = true;
  for (const TrackedText& line : SplitLines(text, false)) {
    if (!first) {
      out.Append("\n", false);
      if (blank || !line.empty()) out.Append(indention);
    }
    first = false;
    out.Append(line);
  }
  return Value::String(std::move(out));
}

Value WordCountFilter(Interpreter&, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("wordcount", arguments, {});
  const TrackedText text = Str(self);
  SpendBytes(text.size());
  int64_t words = 0;
  bool inside = false;
  for (size_t at = 0; at < text.size();) {
    const text::Utf8Char c = text::DecodeUtf8(text.bytes(), at);
    const bool word = c.code_point == '_' || text::IsAlnum(c.code_point);
    words += word && !inside ? 1 : 0;
    inside = word;
    at += c.length;
  }
  return Value::Int(words);
}

Value CenterFilter(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("center", arguments, {"width"});
  bool unsafe = false;
  const Value text = Value::String(Str(self));
  Arguments width;
  width.positional.push_back(Value::Int(bound.Int(0, 80)));
  return FindMethod(text, "center", &unsafe)(interpreter, text, width);
}

Value TruncateFilter(Interpreter&, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("truncate", arguments, {"length", "killwords", "end", "leeway"});
  const TrackedText end = bound.Has(2) ? bound.Text(2) : TrackedText("...", false);
  const int64_t length = bound.Int(0, 255);
  const int64_t leeway = bound.HasValue(3) ? bound.Int(3, 5) : 5;
  const auto size = static_cast<int64_t>(Length(self)), end_size = static_cast<int64_t>(end.length());
  if (length < end_size) Fail("expected length >= " + std::to_string(end_size) + ", got " + std::to_string(length));
  if (leeway < 0) Fail("expected leeway >= 0, got " + std::to_string(leeway));
  if (size <= length || size - length <= leeway) return self;
  if (!self.IsString()) Fail(std::string("truncate() needs a str, not ") + TypeName(self));
  const TrackedText& text = self.text();
  TrackedText kept = text.Substring(0, text.OffsetOf(static_cast<size_t>(length - end_size)));
  const size_t space = kept.bytes().rfind(' ');
  if (!bound.Flag(1, false) && space != std::string::npos) kept = kept.Substring(0, space);
  kept.Append(end);
  return Value::String(std::move(kept));
}

Value FormatFilter(Interpreter&, const Value& self, const Arguments& arguments) {
  if (!arguments.positional.empty() && !arguments.named.empty()) {
    Fail("can't handle positional and keyword arguments at the same time");
  }
  const Value format = Value::String(Str(self));
  if (arguments.named.empty()) return FormatPercent(format, Value::Tuple(arguments.positional));
  std::vector<std::pair<Value, Value>> entries;
  for (const auto& [name, value] : arguments.named) entries.emplace_back(Value::Untrusted(name), value);
  return FormatPercent(format, Value::Dict(std::move(entries)));
}

Value ToJsonFilter(Interpreter&, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("tojson", arguments, {"ensure_ascii", "indent", "separators", "sort_keys"});
  JsonStyle style;
  style.ensure_ascii = bound.Flag(0, false);
  style.sort_keys = bound.Flag(3, false);
  if (bound.HasValue(1)) {
    style.has_indent = true;
    style.item_separator = TrackedText(",", false);
    if (bound[1].IsString()) {
      style.indent = bound[1].bytes();
    } else {
      const int64_t width = bound.Int(1, 0);
      if (width > 1000) Fail("tojson(): the indent is too large");
      style.indent = std::string(static_cast<size_t>(std::max<int64_t>(0, width)), ' ');
    }
  }
  if (bound.HasValue(2)) {
    const auto separators = Items(bound[2]);
    if (separators->items.size() != 2 || !separators->items[0].IsString() || !separators->items[1].IsString()) {
      Fail("tojson(): separators must be two strings");
    }
    style.item_separator = separators->items[0].text();
    style.key_separator = separators->items[1].text();
  }
  TrackedText json;
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
      {"e", EscapeFilter},
      {"escape", EscapeFilter},
      {"forceescape", ForceEscapeFilter},
      {"indent", IndentFilter},
      {"wordcount", WordCountFilter},
      {"center", CenterFilter},
      {"truncate", TruncateFilter},
      {"format", FormatFilter},
      {"tojson", ToJsonFilter},
  };
  return table;
}

}  // namespace puna::api::jinja
