// What form the answer must have: response_format and the guided_* extensions.
#pragma once

#include <string>
#include <vector>

namespace puna::api {

class ObjectReader;
class Places;
class Warnings;

struct OutputFormat {
  enum class Kind { kText, kJsonObject, kJsonSchema, kRegex, kChoice, kGrammar };
  Kind kind = Kind::kText;
  std::string source;   // the JSON Schema as it was written, the regular expression, or the grammar
  std::string name;     // json_schema only
  bool strict = false;  // json_schema only
  std::vector<std::string> choices;
  std::string param;  // the field that asked for it, for errors of the compiler
};

// Throws ApiError; at most one of the fields may ask for more than text.
OutputFormat ReadOutputFormat(ObjectReader& body, const Places& places, Warnings& warnings);

// {"type": "text" | "json_object" | "json_schema", ...}. `wrapped`: the schema stands in a member
// json_schema (response_format); otherwise beside the type (text.format of responses).
OutputFormat ReadFormatObject(ObjectReader& format, const Places& places, bool wrapped, Warnings& warnings);

// 1 to 256 of a-z, A-Z, 0-9, _ and -: what OpenAI allows for the names of functions and schemas, and longer ones, as MCP
// clients make them from a server's name and a tool's.
void CheckName(const std::string& name, const std::string& path);

}  // namespace puna::api
