// Cuts a template's source into tokens, with the white-space rules of jinja2's lexer and the settings of transformers:
// trim_blocks and lstrip_blocks on, one newline at the end dropped.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace puna::api::jinja {

enum class TokenType {
  kData,  // text between tags
  kVariableBegin,
  kVariableEnd,
  kBlockBegin,
  kBlockEnd,
  kName,
  kString,   // text: after escapes
  kInteger,  // text: decimal digits or 0x.., 0o.., 0b..; no underscores
  kFloat,
  kOperator,
  kEnd,
};

struct Token {
  TokenType type;
  int line;
  std::string text;

  bool IsName(std::string_view name) const { return type == TokenType::kName && text == name; }
  bool IsOperator(std::string_view op) const { return type == TokenType::kOperator && text == op; }
};

// Ends with a kEnd token. Throws TemplateError (kSyntax) with the line.
std::vector<Token> Tokenize(std::string_view source);

// A string literal's inside with Python's escapes replaced; line for the error.
std::string Unescape(std::string_view inside, int line);
// \r\n and \r as \n.
std::string NormaliseNewlines(std::string_view text);

}  // namespace puna::api::jinja
