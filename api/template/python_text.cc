#include "api/template/python_text.h"

#include <charconv>
#include <cmath>
#include <cstdio>

#include "api/template/python_ops.h"
#include "engine/text/characters.h"
#include "engine/text/utf8.h"

namespace puna::api::jinja {
namespace {

void AppendItems(TrackedText& out, const std::vector<Value>& items) {
  bool first = true;
  for (const Value& item : items) {
    if (!first) out.Append(", ", false);
    first = false;
    AppendRepr(out, item);
  }
}

void AppendEntries(TrackedText& out, const std::vector<std::pair<Value, Value>>& entries) {
  out.Append("{", false);
  bool first = true;
  for (const auto& [key, value] : entries) {
    if (!first) out.Append(", ", false);
    first = false;
    AppendRepr(out, key);
    out.Append(": ", false);
    AppendRepr(out, value);
  }
  out.Append("}", false);
}

void AppendRangeRepr(TrackedText& out, const std::vector<Value>& items) {
  // The start, stop and step are those that the items show.
  const int64_t start = items.empty() ? 0 : items.front().int_value();
  const int64_t step = items.size() < 2 ? 1 : items[1].int_value() - start;
  const int64_t stop = items.empty() ? 0 : items.back().int_value() + (step > 0 ? 1 : -1);
  out.Append("range(" + std::to_string(start) + ", " + std::to_string(stop), false);
  if (step != 1) out.Append(", " + std::to_string(step), false);
  out.Append(")", false);
}

void AppendListRepr(TrackedText& out, const ListObject& list) {
  const auto wrap = [&](const char* open, const char* close) {
    out.Append(open, false);
    AppendItems(out, list.items);
    out.Append(close, false);
  };
  switch (list.flavour) {
    case ListFlavour::kList:
      return wrap("[", "]");
    case ListFlavour::kTuple:
      return wrap("(", list.items.size() == 1 ? ",)" : ")");
    case ListFlavour::kRange:
      return AppendRangeRepr(out, list.items);
    case ListFlavour::kKeys:
      return wrap("dict_keys([", "])");
    case ListFlavour::kValues:
      return wrap("dict_values([", "])");
    case ListFlavour::kItems:
      return wrap("dict_items([", "])");
  }
}

void AppendStringRepr(TrackedText& out, const TrackedText& text) {
  const std::string& bytes = text.bytes();
  const bool double_quoted = bytes.find('\'') != bytes.npos && bytes.find('"') == bytes.npos;
  const char* quote = double_quoted ? "\"" : "'";
  out.Append(quote, false);
  size_t plain = 0;  // start of what is copied as it is
  for (size_t at = 0; at < bytes.size();) {
    const text::Utf8Char c = text::DecodeUtf8(bytes, at);
    char escape[16] = "";
    if (c.code_point == '\\' || c.code_point == static_cast<char32_t>(*quote)) {
      std::snprintf(escape, sizeof escape, "\\%c", static_cast<char>(c.code_point));
    } else if (c.code_point == '\n' || c.code_point == '\r' || c.code_point == '\t') {
      std::snprintf(escape, sizeof escape, "\\%c", c.code_point == '\n' ? 'n' : c.code_point == '\r' ? 'r' : 't');
    } else if (!text::IsPrintable(c.code_point)) {
      const char* form = c.code_point < 0x100 ? "\\x%02x" : c.code_point < 0x10000 ? "\\u%04x" : "\\U%08x";
      std::snprintf(escape, sizeof escape, form, static_cast<unsigned>(c.code_point));
    }
    if (*escape != '\0') {
      out.AppendRange(text, plain, at);
      out.Append(escape, text.TrustedAt(at));
      plain = at + c.length;
    }
    at += c.length;
  }
  out.AppendRange(text, plain, bytes.size());
  out.Append(quote, false);
}

}  // namespace

std::string FloatRepr(double d) {
  if (std::isnan(d)) return "nan";
  if (std::isinf(d)) return d < 0 ? "-inf" : "inf";
  char buffer[40];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, d, std::chars_format::scientific).ptr;
  const std::string text(buffer, end);  // [-]d[.ddd]e[+-]dd
  const size_t e = text.find('e');
  const int exponent = std::stoi(text.substr(e + 1));
  const std::string sign = text[0] == '-' ? "-" : "";
  std::string digits;
  for (const char c : text.substr(0, e)) {
    if (c >= '0' && c <= '9') digits += c;
  }
  if (exponent < -4 || exponent >= 16) {
    char suffix[16];
    std::snprintf(suffix, sizeof suffix, "e%c%02d", exponent < 0 ? '-' : '+', std::abs(exponent));
    return sign + digits[0] + (digits.size() > 1 ? "." + digits.substr(1) : "") + suffix;
  }
  if (exponent < 0) return sign + "0." + std::string(-exponent - 1, '0') + digits;
  const size_t whole = static_cast<size_t>(exponent) + 1;
  if (digits.size() <= whole) return sign + digits + std::string(whole - digits.size(), '0') + ".0";
  return sign + digits.substr(0, whole) + "." + digits.substr(whole);
}

void AppendStr(TrackedText& out, const Value& value) {
  if (value.IsString()) {
    out.Append(value.text());
  } else if (!value.IsUndefined()) {
    AppendRepr(out, value);
  }
}

TrackedText Str(Meter* meter, const Value& value) {
  TrackedText text(meter);
  AppendStr(text, value);
  return text;
}

void AppendRepr(TrackedText& out, const Value& value) {
  const DepthGuard guard(out.meter());
  Spend(out.meter(), 1);
  switch (value.kind()) {
    case Kind::kUndefined:
      return out.Append("Undefined", false);
    case Kind::kNone:
      return out.Append("None", false);
    case Kind::kBool:
      return out.Append(value.bool_value() ? "True" : "False", false);
    case Kind::kInt:
      return out.Append(std::to_string(value.int_value()), false);
    case Kind::kBigInt:
      return out.Append(value.digits(), false);
    case Kind::kFloat:
      return out.Append(FloatRepr(value.float_value()), false);
    case Kind::kString:
      if (value.markup()) out.Append("Markup(", false);
      AppendStringRepr(out, value.text());
      if (value.markup()) out.Append(")", false);
      return;
    case Kind::kList:
      return AppendListRepr(out, value.list());
    case Kind::kDict:
      return AppendEntries(out, value.dict().entries);
    case Kind::kNamespace:
      out.Append("<Namespace ", false);
      AppendEntries(out, value.As<NamespaceObject>().attributes);
      return out.Append(">", false);
    case Kind::kIterator:
    case Kind::kMacro:
    case Kind::kFunction:
    case Kind::kMethod:
    case Kind::kLoop:
      return out.Append(std::string("<") + TypeName(value) + ">", false);
  }
}

std::string ReprBytes(Meter* meter, const Value& value) {
  TrackedText text(meter);
  AppendRepr(text, value);
  return text.bytes();
}

}  // namespace puna::api::jinja
