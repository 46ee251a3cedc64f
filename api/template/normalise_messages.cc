#include "api/template/normalise_messages.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "api/template/builtins.h"
#include "api/template/json_value.h"
#include "api/template/template_error.h"

namespace puna::api {
namespace {

using jinja::Fail;
using jinja::TrackedText;
using jinja::Value;

// The dict with the value of one key replaced.
Value With(const Value& dict, std::string_view key, Value value) {
  auto entries = dict.dict().entries;
  for (auto& [name, old] : entries) {
    if (name.IsString() && name.bytes() == key) old = value;
  }
  return Value::Dict(nullptr, std::move(entries));
}

const Value* Field(const Value& dict, std::string_view key) { return dict.IsDict() ? dict.dict().Find(key) : nullptr; }

bool IsTextPart(const Value& part) {
  const Value* type = Field(part, "type");
  const Value* text = Field(part, "text");
  return type != nullptr && type->IsString() && type->bytes() == "text" && text != nullptr && text->IsString();
}

Value NormaliseContent(const Value& content) {
  if (content.IsNone()) return Value::Untrusted(nullptr, "");
  if (!content.IsList()) return content;
  const auto& parts = content.list().items;
  if (parts.empty() || !std::all_of(parts.begin(), parts.end(), IsTextPart)) return content;
  std::vector<Value> texts;
  for (const Value& part : parts) texts.push_back(*Field(part, "text"));
  return Value::String(jinja::Join(nullptr, TrackedText(nullptr, "\n", false), texts));
}

Value NormaliseCall(const Value& call, const std::string& where) {
  const Value* function = Field(call, "function");
  const Value* arguments = function == nullptr ? nullptr : Field(*function, "arguments");
  if (arguments == nullptr || !arguments->IsString()) return call;
  const bool blank = jinja::Strip(nullptr, arguments->text(), nullptr, true, true).empty();
  const std::string what = where + ".function.arguments";
  Value parsed = Value::Dict(nullptr, {});
  try {
    if (!blank) parsed = jinja::ParseJson(arguments->bytes(), what.c_str());
  } catch (const TemplateError&) {
    return call;  // models write what they write, and a length may have cut it: the text itself is shown
  }
  return With(call, "function", With(*function, "arguments", std::move(parsed)));
}

Value NormaliseMessage(Value message, const std::string& where) {
  if (!message.IsDict()) Fail(where + ": expected an object, found " + jinja::TypeName(message));
  if (const Value* content = Field(message, "content");
      content != nullptr && (content->IsNone() || content->IsList())) {
    message = With(message, "content", NormaliseContent(*content));
  }
  const Value* calls = Field(message, "tool_calls");
  if (calls == nullptr || !calls->IsList()) return message;
  std::vector<Value> normal;
  for (size_t i = 0; i < calls->list().items.size(); ++i) {
    normal.push_back(NormaliseCall(calls->list().items[i], where + ".tool_calls[" + std::to_string(i) + "]"));
  }
  return With(message, "tool_calls", Value::List(nullptr, std::move(normal)));
}

// The type that a list of types is without null; the list itself where that leaves none.
Value TypeWithoutNull(const Value& types) {
  std::vector<Value> kept;
  for (const Value& type : types.list().items) {
    if (!type.IsString() || type.bytes() != "null") kept.push_back(type);
  }
  if (kept.empty()) return types;
  return kept.size() == 1 ? kept[0] : Value::List(nullptr, std::move(kept));
}

}  // namespace

Value WithoutNullTypes(const Value& value) {
  if (value.IsList()) {
    std::vector<Value> items;
    for (const Value& item : value.list().items) items.push_back(WithoutNullTypes(item));
    return Value::List(nullptr, std::move(items));
  }
  if (!value.IsDict()) return value;
  auto entries = value.dict().entries;
  for (auto& [name, member] : entries) {
    const bool types = name.IsString() && name.bytes() == "type" && member.IsList();
    member = types ? TypeWithoutNull(member) : WithoutNullTypes(member);
  }
  return Value::Dict(nullptr, std::move(entries));
}

Value NormaliseMessages(const Value& messages) {
  if (!messages.IsList()) Fail(std::string("messages: expected an array, found ") + jinja::TypeName(messages));
  std::vector<Value> normal;
  const auto& items = messages.list().items;
  normal.reserve(items.size());
  for (size_t i = 0; i < items.size(); ++i) {
    normal.push_back(NormaliseMessage(items[i], "messages[" + std::to_string(i) + "]"));
  }
  return Value::List(nullptr, std::move(normal));
}

}  // namespace puna::api
