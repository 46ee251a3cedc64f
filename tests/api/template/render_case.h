// Shared by the tests of the chat template: rendering from JSON, and where the golden data lies.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "api/template/chat_template.h"
#include "api/template/json_value.h"
#include "api/template/normalise_messages.h"
#include "api/template/python_text.h"

namespace puna::api {

inline std::string ReadText(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline std::vector<std::string> ReadLines(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) lines.push_back(line);
  }
  return lines;
}

inline std::filesystem::path DataFolder() {
  return std::filesystem::path(PUNA_SOURCE_DIR) / "tests" / "api" / "template" / "data";
}

inline std::string JoinPieces(const std::vector<PromptPiece>& pieces) {
  std::string text;
  for (const PromptPiece& piece : pieces) text += piece.text;
  return text;
}

// Everything that is trusted, with [..] in place of each untrusted piece.
inline std::string ShowTrusted(const std::vector<PromptPiece>& pieces) {
  std::string text;
  for (const PromptPiece& piece : pieces) text += piece.trusted ? piece.text : "[" + piece.text + "]";
  return text;
}

// The pieces of a template given variables as a JSON object.
inline std::vector<PromptPiece> RenderPieces(const std::string& source, const std::string& variables = "{}",
                                             const RenderLimits& limits = {}) {
  RenderInput input;
  input.limits = limits;
  input.messages = jinja::Value::List(nullptr, {});
  const jinja::Value values = jinja::ParseJson(variables);
  for (const auto& [name, value] : values.dict().entries) {
    if (name.bytes() == "messages") {
      input.messages = value;
    } else if (name.bytes() == "tools") {
      input.tools = value;
    } else if (name.bytes() == "add_generation_prompt") {
      input.add_generation_prompt = value.bool_value();
    } else {
      input.extra.emplace_back(name.bytes(), value);
    }
  }
  return ChatTemplate::Parse(source, "test").Render(input);
}

inline std::string RenderText(const std::string& source, const std::string& variables = "{}") {
  return JoinPieces(RenderPieces(source, variables));
}

// The error's message, without its place; empty when there is none.
inline std::string RenderError(const std::string& source, const std::string& variables = "{}") {
  try {
    RenderPieces(source, variables);
  } catch (const TemplateError& error) {
    return error.message();
  }
  return "";
}

}  // namespace puna::api
