#include "api/template/chat_template.h"

#include <algorithm>
#include <functional>
#include <map>

#include "api/template/builtins.h"
#include "api/template/interpreter.h"
#include "api/template/lexer.h"
#include "api/template/parser.h"
#include "engine/text/utf8.h"

namespace puna::api {

using jinja::Value;

struct ChatTemplate::Parsed {
  jinja::Program program;
  std::map<std::string, size_t, std::less<>> symbols;
  std::vector<Value> globals;  // by symbol: the functions that every template knows
};

namespace {

std::string Where(const std::string& name, int line) {
  return "chat template " + name + (line > 0 ? ", line " + std::to_string(line) : "");
}

int LineOf(const std::string& source, size_t at) {
  return 1 + static_cast<int>(std::count(source.begin(), source.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
}

Value TrustedText(jinja::Meter* meter, const std::string& name, const std::string& text) {
  if (!text::IsUtf8(text)) {
    throw TemplateError(TemplateError::Kind::kRuntime, name + " is not valid UTF-8");
  }
  return Value::Trusted(meter, text);
}

}  // namespace

ChatTemplate::ChatTemplate(std::string source, std::string source_name, std::unique_ptr<const Parsed> parsed)
    : source_(std::move(source)), source_name_(std::move(source_name)), parsed_(std::move(parsed)) {}

ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;
ChatTemplate::~ChatTemplate() = default;

ChatTemplate ChatTemplate::Parse(std::string source, std::string source_name) {
  const size_t valid = text::ValidUtf8Prefix(source);
  if (valid < source.size()) {
    const int line = LineOf(source, valid);
    throw TemplateError(TemplateError::Kind::kSyntax, "not valid UTF-8", Where(source_name, line), line);
  }
  auto parsed = std::make_unique<Parsed>();
  try {
    parsed->program = jinja::Parser(jinja::Tokenize(source)).Parse();
  } catch (const TemplateError& error) {
    throw TemplateError(error.kind(), error.message(), Where(source_name, error.line()), error.line());
  }
  const auto& names = parsed->program.symbols;
  for (size_t i = 0; i < names.size(); ++i) parsed->symbols[names[i]] = i;
  parsed->globals.resize(names.size());
  for (const auto& [name, function] : jinja::Globals()) {
    const auto found = parsed->symbols.find(name);
    if (found == parsed->symbols.end()) continue;
    auto object = std::make_shared<jinja::FunctionObject>();
    object->function = function;
    parsed->globals[found->second] = Value::Of(jinja::Kind::kFunction, std::move(object));
  }
  return ChatTemplate(std::move(source), std::move(source_name), std::move(parsed));
}

std::vector<Value> ChatTemplate::MakeContext(const RenderInput& input, jinja::Meter* meter) const {
  std::vector<Value> context = parsed_->globals;
  const auto set = [&](const std::string& name, Value value) {
    const auto found = parsed_->symbols.find(name);
    if (found != parsed_->symbols.end()) context[found->second] = std::move(value);
  };
  for (const auto& [name, text] : input.special_tokens) set(name, TrustedText(meter, name, text));
  if (!input.bos_token.empty()) set("bos_token", TrustedText(meter, "bos_token", input.bos_token));
  if (!input.eos_token.empty()) set("eos_token", TrustedText(meter, "eos_token", input.eos_token));
  set("documents", Value::None());  // transformers passes it always
  if (input.date_string) {
    if (!text::IsUtf8(*input.date_string)) jinja::Fail("date_string is not valid UTF-8");
    set("date_string", Value::Untrusted(meter, *input.date_string));
  }
  for (const auto& [name, value] : input.extra) {
    if (name == "messages" || name == "tools" || name == "add_generation_prompt") {
      jinja::Fail("chat_template_kwargs: '" + name + "' is set by the request's own field and cannot be set again");
    }
    set(name, value);
  }
  set("messages", input.messages);
  set("tools", input.tools.IsUndefined() ? Value::None() : input.tools);
  set("add_generation_prompt", Value::Bool(input.add_generation_prompt));
  return context;
}

std::vector<PromptPiece> ChatTemplate::Render(const RenderInput& input) const {
  jinja::Meter meter(input.limits);
  const std::vector<Value> context = MakeContext(input, &meter);
  jinja::Interpreter interpreter(parsed_->program, context, meter,
                                 input.now.value_or(std::chrono::system_clock::now()));
  try {
    return interpreter.Run().Pieces();
  } catch (const TemplateError& error) {
    throw TemplateError(error.kind(), error.message(), Where(source_name_, interpreter.line()), interpreter.line());
  }
}

}  // namespace puna::api
