// Values as Python prints them: str(), repr() and json.dumps().
#pragma once

#include <string>

#include "api/template/value.h"

namespace puna::api::jinja {

// Shortest text that reads back as d, in Python's form: 1.0, 1e-07, 1e+22, inf, nan.
std::string FloatRepr(double d);

// str(value): a string as it is, everything else as repr; undefined prints nothing. Characters of strings keep their
// trust, the rest is untrusted.
void AppendStr(TrackedText& out, const Value& value);
TrackedText Str(Meter* meter, const Value& value);
void AppendRepr(TrackedText& out, const Value& value);
std::string ReprBytes(Meter* meter, const Value& value);

struct JsonStyle {
  bool ensure_ascii = false;  // transformers' tojson, not Jinja's
  bool has_indent = false;
  std::string indent;  // one level
  TrackedText item_separator{nullptr, ", ", false};
  TrackedText key_separator{nullptr, ": ", false};
  bool sort_keys = false;
};

// json.dumps(value). Throws TemplateError for what has no JSON form (undefined, a macro).
void AppendJson(TrackedText& out, const Value& value, const JsonStyle& style);

}  // namespace puna::api::jinja
