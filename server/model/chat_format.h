// How conversations become prompts for this model: its chat template, with the names of its special
// tokens.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/fields/message.h"
#include "api/template/chat_template.h"
#include "api/tool_calls/tool_call_parser.h"
#include "engine/checkpoint/files/file_set.h"

namespace puna::server {

// A conversation as a request has it.
struct Conversation {
  const std::vector<api::Message>& messages;
  const std::vector<api::ToolSpec>& tools;  // empty: none are offered
  const std::string& template_kwargs;       // the text of a JSON object, or empty
  bool add_generation_prompt = true;
  bool continue_final_message = false;  // the last message is the beginning of the answer; an empty one is none
  std::string param = "messages";       // the request's field that has them
};

class ChatFormat {
 public:
  // The template is `override_file` when that is not empty, else chat_template.jinja, else what
  // tokenizer_config.json says. None: the model has no template. Throws std::runtime_error when a
  // file cannot be used.
  static std::optional<ChatFormat> Load(const engine::FileSet& files, const std::string& override_file);

  // Throws api::ApiError 400 when the template refuses the conversation; it names the field that is to blame.
  std::vector<api::PromptPiece> Render(const Conversation& conversation) const;

  const std::string& source() const { return chat_.source(); }  // of the template
  api::ToolFormat tool_format() const { return tool_format_; }

 private:
  // What else a template may take, after it has refused the conversation as it is.
  struct Leniency {
    bool tools_in_system = false;  // as Llama's templates name it: tools_in_user_message is false
    bool no_null_types = false;    // ["string", "null"] is "string"
  };

  explicit ChatFormat(api::ChatTemplate chat) : chat_(std::move(chat)) {}

  std::vector<api::PromptPiece> RenderMessages(const Conversation& conversation,
                                               const std::vector<api::Message>& messages,
                                               const Leniency& leniency) const;
  std::vector<api::PromptPiece> RenderAnyhow(const Conversation& conversation,
                                             const std::vector<api::Message>& messages) const;
  std::string Blamed(const Conversation& conversation, const std::vector<api::Message>& messages) const;

  api::ChatTemplate chat_;
  std::optional<api::ChatTemplate> tool_use_;  // of models that have one of their own for requests with tools
  api::ToolFormat tool_format_ = api::ToolFormat::kLlama;
  std::string bos_token_, eos_token_;
};

}  // namespace puna::server
