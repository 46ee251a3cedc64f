// A model's chat template: Jinja as transformers runs it (ImmutableSandboxedEnvironment, trim_blocks, lstrip_blocks,
// loop controls, {% generation %}), written so that every character of the prompt is known to come from the template or
// from the request, and so that no template and no request takes more than bounded time, memory and stack.
//
// Semantics: jinja2 3.1 and transformers' utils/chat_template_utils.py. Not supported: include, import, extends, block,
// autoescape, recursive loops, and integers beyond 64 bits in calculations.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/template/meter.h"
#include "api/template/prompt_piece.h"
#include "api/template/template_error.h"
#include "api/template/value.h"

namespace puna::api {

// What one request gives to the template. Templates see each field under its name.
struct RenderInput {
  jinja::Value messages;                      // a list; see NormaliseMessages
  jinja::Value tools = jinja::Value::None();  // a list, or None when the request has none
  bool add_generation_prompt = true;
  std::optional<std::string> date_string;  // not given: undefined, the template takes its own default
  std::string bos_token;                   // trusted; empty: undefined
  std::string eos_token;                   // trusted; empty: undefined
  std::vector<std::pair<std::string, std::string>> special_tokens;  // pad_token and others, trusted
  // chat_template_kwargs of the request, untrusted; may replace every name but messages, tools and
  // add_generation_prompt.
  std::vector<std::pair<std::string, jinja::Value>> extra;
  // What strftime_now takes as the time; the system's clock when not given.
  std::optional<std::chrono::system_clock::time_point> now;
  RenderLimits limits;
};

class ChatTemplate {
 public:
  // Throws TemplateError (kSyntax): "chat template NAME, line N: ...". source_name: a file's path or the like.
  static ChatTemplate Parse(std::string source, std::string source_name);

  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;
  ~ChatTemplate();

  // The prompt; neighbouring pieces differ in trust. Throws TemplateError. Safe to call from several threads at once.
  std::vector<PromptPiece> Render(const RenderInput& input) const;

  const std::string& source() const { return source_; }
  const std::string& source_name() const { return source_name_; }

 private:
  struct Parsed;
  ChatTemplate(std::string source, std::string source_name, std::unique_ptr<const Parsed> parsed);
  std::vector<jinja::Value> MakeContext(const RenderInput& input, jinja::Meter* meter) const;

  std::string source_;
  std::string source_name_;
  std::unique_ptr<const Parsed> parsed_;
};

}  // namespace puna::api
