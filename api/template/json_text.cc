// AppendJson of python_text.h.
#include <algorithm>
#include <cmath>

#include "api/template/python_ops.h"
#include "api/template/python_text.h"
#include "engine/text/json_quote.h"
#include "engine/text/utf8.h"

namespace puna::api::jinja {
namespace {

void AppendJsonString(TrackedText& out, const TrackedText& text, bool ensure_ascii) {
  const std::string& bytes = text.bytes();
  out.Append("\"", false);
  size_t plain = 0;
  for (size_t at = 0; at < bytes.size();) {
    const auto byte = static_cast<unsigned char>(bytes[at]);
    if (byte >= 0x20 && byte != '"' && byte != '\\' && (byte < 0x7F || !ensure_ascii)) {
      ++at;
      continue;
    }
    const text::Utf8Char c = text::DecodeUtf8(bytes, at);
    const std::string escape = text::JsonEscape(c.code_point, ensure_ascii);
    if (!escape.empty()) {
      out.AppendRange(text, plain, at);
      out.Append(escape, text.TrustedAt(at));
      plain = at + c.length;
    }
    at += c.length;
  }
  out.AppendRange(text, plain, bytes.size());
  out.Append("\"", false);
}

std::string JsonFloat(double d) {
  if (std::isnan(d)) return "NaN";
  if (std::isinf(d)) return d < 0 ? "-Infinity" : "Infinity";
  return FloatRepr(d);
}

class JsonWriter {
 public:
  JsonWriter(TrackedText& out, const JsonStyle& style) : out_(out), style_(style) {}

  void Write(const Value& value) {
    const DepthGuard guard(out_.meter());
    Spend(out_.meter(), 1);
    switch (value.kind()) {
      case Kind::kNone:
        return out_.Append("null", false);
      case Kind::kBool:
        return out_.Append(value.bool_value() ? "true" : "false", false);
      case Kind::kFloat:
        return out_.Append(JsonFloat(value.float_value()), false);
      case Kind::kInt:
      case Kind::kBigInt:
        return AppendRepr(out_, value);
      case Kind::kString:
        return AppendJsonString(out_, value.text(), style_.ensure_ascii);
      case Kind::kDict:
        return WriteDict(value.dict());
      case Kind::kList:
        if (value.list().flavour <= ListFlavour::kTuple) return WriteList(value.list());
        break;
      default:
        break;
    }
    Fail(std::string("Object of type ") + TypeName(value) + " is not JSON serializable");
  }

 private:
  void BreakLine(int level) {
    if (!style_.has_indent) return;
    out_.Append("\n", false);
    for (int i = 0; i < level; ++i) out_.Append(style_.indent, false);
  }

  void WriteList(const ListObject& list) {
    if (list.items.empty()) return out_.Append("[]", false);
    out_.Append("[", false);
    ++level_;
    for (size_t i = 0; i < list.items.size(); ++i) {
      if (i > 0) out_.Append(style_.item_separator);
      BreakLine(level_);
      Write(list.items[i]);
    }
    BreakLine(--level_);
    out_.Append("]", false);
  }

  void WriteKey(const Value& key) {
    switch (key.kind()) {
      case Kind::kString:
        return AppendJsonString(out_, key.text(), style_.ensure_ascii);
      case Kind::kNone:
      case Kind::kBool:
      case Kind::kInt:
      case Kind::kBigInt:
      case Kind::kFloat:
        out_.Append("\"", false);
        Write(key);
        return out_.Append("\"", false);
      default:
        Fail(std::string("keys must be str, int, float, bool or None, not ") + TypeName(key));
    }
  }

  void WriteDict(const DictObject& dict) {
    if (dict.entries.empty()) return out_.Append("{}", false);
    std::vector<const std::pair<Value, Value>*> entries;
    for (const auto& entry : dict.entries) entries.push_back(&entry);
    if (style_.sort_keys) {
      std::stable_sort(entries.begin(), entries.end(),
                       [&](const auto* a, const auto* b) { return Less(out_.meter(), a->first, b->first); });
    }
    out_.Append("{", false);
    ++level_;
    for (size_t i = 0; i < entries.size(); ++i) {
      if (i > 0) out_.Append(style_.item_separator);
      BreakLine(level_);
      WriteKey(entries[i]->first);
      out_.Append(style_.key_separator);
      Write(entries[i]->second);
    }
    BreakLine(--level_);
    out_.Append("}", false);
  }

  TrackedText& out_;
  const JsonStyle& style_;
  int level_ = 0;
};

}  // namespace

void AppendJson(TrackedText& out, const Value& value, const JsonStyle& style) { JsonWriter(out, style).Write(value); }

}  // namespace puna::api::jinja
