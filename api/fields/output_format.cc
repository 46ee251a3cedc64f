#include "api/fields/output_format.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "api/fields/request_fields.h"
#include "api/json/error.h"
#include "api/json/json_reader.h"
#include "api/json/raw_json.h"

namespace puna::api {

namespace {

using Kind = OutputFormat::Kind;

// A schema given as an object (or true), or as a string that holds one.
std::string ReadSchema(const Json& value, const Places& places, const std::string& path) {
  if (value.is_object() || value.is_boolean()) return std::string(places.TextOf(value));
  if (!value.is_string()) throw InvalidType(path, "a JSON Schema", TypeName(value));
  std::string schema = value.get<std::string>();
  if (!IsJsonObject(schema)) throw InvalidValue(path, "the string does not hold a JSON object.");
  return schema;
}

std::vector<std::string> ReadChoices(const Json& value, const std::string& path) {
  std::vector<std::string> choices;
  const auto& array = ReadArray(value, path);
  if (array.empty()) throw InvalidValue(path, "there must be at least one choice.");
  for (size_t i = 0; i < array.size(); ++i) {
    choices.push_back(ReadValue<std::string>(array[i], IndexPath(path, i)));
    if (choices.back().empty()) throw InvalidValue(IndexPath(path, i), "a choice must not be empty.");
  }
  return choices;
}

// One of the guided fields: `name` in `object`. Returns false when it is not there.
bool ReadGuided(ObjectReader& object, const Places& places, const char* name, Kind kind, OutputFormat& format,
                bool strict = true) {
  const Json* value = object.Find(name);
  if (!value) return false;
  const std::string path = object.Path(name);
  if (format.kind != Kind::kText) {
    throw InvalidValue(path, "it contradicts '" + format.param + "'; only one can say what form the answer has.");
  }
  format.kind = kind;
  format.param = path;
  switch (kind) {
    case Kind::kJsonSchema:
      format.source = ReadSchema(*value, places, path);
      format.strict = strict;
      return true;
    case Kind::kChoice:
      format.choices = ReadChoices(*value, path);
      return true;
    case Kind::kJsonObject:
      if (!ReadValue<bool>(*value, path)) format = {};
      return true;
    default:
      format.source = ReadValue<std::string>(*value, path);
      if (format.source.empty()) throw InvalidValue(path, "it must not be empty.");
      return true;
  }
}

void ReadStructuredOutputs(ObjectReader& body, const Places& places, OutputFormat& format, Warnings& warnings) {
  const Json* value = body.Find("structured_outputs");
  if (!value) return;
  ObjectReader outputs(*value, "structured_outputs");
  ReadGuided(outputs, places, "json", Kind::kJsonSchema, format);
  ReadGuided(outputs, places, "regex", Kind::kRegex, format);
  ReadGuided(outputs, places, "choice", Kind::kChoice, format);
  ReadGuided(outputs, places, "grammar", Kind::kGrammar, format);
  ReadGuided(outputs, places, "json_object", Kind::kJsonObject, format);
  for (const char* name : {"structural_tag", "whitespace_pattern"}) {
    if (outputs.Has(name)) throw Unsupported(outputs.Path(name), "use json, regex, choice, grammar or json_object.");
  }
  WarnUnread(outputs, warnings);
}

// The same under the names that other servers have; their clients send an empty text for "none".
void ReadOtherNames(ObjectReader& body, const Places& places, OutputFormat& format) {
  const auto given = [&](const char* name) { return body.Has(name) && *body.Find(name) != ""; };
  if (given("json_schema")) ReadGuided(body, places, "json_schema", Kind::kJsonSchema, format, /*strict=*/false);
  if (given("regex")) ReadGuided(body, places, "regex", Kind::kRegex, format);
  if (given("grammar")) ReadGuided(body, places, "grammar", Kind::kGrammar, format);
  if (given("ebnf")) ReadGuided(body, places, "ebnf", Kind::kGrammar, format);
  if (!given("format")) return;
  if (*body.Find("format") != "json") {
    ReadGuided(body, places, "format", Kind::kJsonSchema, format, /*strict=*/false);
  } else if (format.kind != Kind::kText) {
    throw InvalidValue("format", "it contradicts '" + format.param + "'; only one can say what form the answer has.");
  } else {
    format.kind = Kind::kJsonObject;
    format.param = "format";
  }
}

void ReadJsonSchema(ObjectReader& schema, const Places& places, OutputFormat& format, Warnings& warnings) {
  format.name = schema.Required<std::string>("name");
  CheckName(format.name, schema.Path("name"));
  schema.Optional<std::string>("description");  // for a model that was trained to read it; checked only
  format.strict = schema.Get<bool>("strict", false);
  format.param = schema.Path("schema");
  const Json& value = schema.Require("schema");
  if (!value.is_object() && !value.is_boolean()) throw InvalidType(format.param, "a JSON Schema", TypeName(value));
  format.source = places.TextOf(value);
  if (schema.path() != "text.format") WarnUnread(schema, warnings);
}

}  // namespace

void CheckName(const std::string& name, const std::string& path) {
  const bool good = !name.empty() && name.size() <= 256 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
  if (!good)
    throw InvalidValue(path, "expected 1 to 256 of a-z, A-Z, 0-9, '_' and '-', but got '" + name.substr(0, 80) + "'.");
}

OutputFormat ReadFormatObject(ObjectReader& object, const Places& places, bool wrapped, Warnings& warnings) {
  OutputFormat format;
  const std::string type = object.Required<std::string>("type");
  if (type == "json_object" && wrapped && object.Has("schema")) {  // llama.cpp's and others' way to say json_schema
    ReadGuided(object, places, "schema", Kind::kJsonSchema, format, object.Get<bool>("strict", false));
  } else if (type == "json_object") {
    format.kind = Kind::kJsonObject;
    format.param = object.path();
  } else if (type == "json_schema" && wrapped && !object.Has("json_schema") && object.Has("schema")) {
    object.Optional<std::string>("name");
    ReadGuided(object, places, "schema", Kind::kJsonSchema, format, object.Get<bool>("strict", false));
  } else if (type == "json_schema") {
    format.kind = Kind::kJsonSchema;
    if (wrapped) {
      ObjectReader schema(object.Require("json_schema"), object.Path("json_schema"));
      ReadJsonSchema(schema, places, format, warnings);
    } else {
      ReadJsonSchema(object, places, format, warnings);
    }
  } else if (type != "text") {
    throw InvalidValue(object.Path("type"),
                       "expected one of text, json_object, json_schema, but got '" + type.substr(0, 80) + "'.");
  }
  WarnUnread(object, warnings);
  return format;
}

OutputFormat ReadOutputFormat(ObjectReader& body, const Places& places, Warnings& warnings) {
  OutputFormat format;
  if (const Json* value = body.Find("response_format")) {
    ObjectReader object(*value, "response_format");
    format = ReadFormatObject(object, places, /*wrapped=*/true, warnings);
  }
  ReadGuided(body, places, "guided_json", Kind::kJsonSchema, format);
  ReadGuided(body, places, "guided_regex", Kind::kRegex, format);
  ReadGuided(body, places, "guided_choice", Kind::kChoice, format);
  ReadGuided(body, places, "guided_grammar", Kind::kGrammar, format);
  ReadStructuredOutputs(body, places, format, warnings);
  ReadOtherNames(body, places, format);
  return format;
}

}  // namespace puna::api
