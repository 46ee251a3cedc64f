#include "server/model/chat_format.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>

#include "api/fields/template_json.h"
#include "api/fields/tool_results.h"
#include "api/json/error.h"
#include "api/template/json_value.h"
#include "api/template/normalise_messages.h"
#include "server/model/message_values.h"
#include "server/model/tokenizer_config.h"

namespace puna::server {
namespace {

using api::PromptPiece;
using api::TemplateError;
using api::jinja::Value;

std::string ReadText(const engine::FileSet& files, const std::string& name) {
  const auto file = files.Open(name);
  return std::string(reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size());
}

api::ChatTemplate Parse(std::string source, const std::string& name) {
  try {
    return api::ChatTemplate::Parse(std::move(source), name);
  } catch (const TemplateError& error) {
    throw std::runtime_error(std::string(error.what()) +
                             "; repair the template, or give another with --chat-template-file");
  }
}

struct Sources {
  std::string chat, name, tool_use;
};

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  std::error_code error;
  if (!in || std::filesystem::is_directory(path, error))
    throw std::runtime_error("chat_template_file: cannot read " + path + "; check the path and its permissions");
  if (text.str().empty()) throw std::runtime_error("chat_template_file: " + path + " is empty; give a template");
  return text.str();
}

// transformers 5 keeps a template in a file of its own, and those with other names in a folder beside it.
Sources FindSources(const engine::FileSet& files, const TokenizerConfig& config, const std::string& override_file) {
  constexpr char kFile[] = "chat_template.jinja", kToolUse[] = "additional_chat_templates/tool_use.jinja";
  if (!override_file.empty()) return {ReadFile(override_file), override_file, ""};
  if (files.Has(kFile)) {
    return {ReadText(files, kFile), files.PathOf(kFile), files.Has(kToolUse) ? ReadText(files, kToolUse) : ""};
  }
  return {config.chat_template, files.PathOf("tokenizer_config.json"), config.tool_use_template};
}

constexpr char kSpace[] = " \t\r\n";

std::string Trimmed(const std::string& text) {
  const size_t begin = text.find_first_not_of(kSpace);
  return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(kSpace) + 1 - begin);
}

// Ends the prompt behind the last message's own text, so that the model goes on where that stops: with its last white
// space where the template keeps it.
void CutBehindFinalMessage(const std::string& content, std::vector<PromptPiece>& pieces) {
  const std::string text = Trimmed(content);
  const std::string space = content.substr(content.find_last_not_of(kSpace) + 1);
  while (!pieces.empty()) {
    PromptPiece& last = pieces.back();
    const size_t at = last.trusted ? std::string::npos : last.text.rfind(text);
    if (at != std::string::npos) {
      const size_t end = at + text.size();
      last.text.resize(last.text.compare(end, space.size(), space) == 0 ? end + space.size() : end);
      return;
    }
    pieces.pop_back();
  }
  throw api::InvalidValue("continue_final_message", "the chat template does not show the last message as it is.");
}

bool IsEmptyPrefill(const Conversation& conversation) {
  if (!conversation.continue_final_message) return false;
  const api::Message& last = conversation.messages.back();
  return Trimmed(last.content).empty() && last.tool_calls.empty();
}

// Whether results can stand in another order than their calls.
bool HasSeveralCalls(const std::vector<api::Message>& messages) {
  return std::any_of(messages.begin(), messages.end(), [](const api::Message& m) { return m.tool_calls.size() > 1; });
}

bool NameNull(const std::vector<api::ToolSpec>& tools) {
  return std::any_of(tools.begin(), tools.end(),
                     [](const api::ToolSpec& tool) { return tool.json.find("\"null\"") != std::string::npos; });
}

// What no template has anything against.
api::ToolSpec PlainTool() {
  api::ToolSpec tool;
  tool.json = R"({"type": "function", "function": {"name": "f"}})";
  return tool;
}

bool HasUser(const std::vector<api::Message>& messages) {
  return std::any_of(messages.begin(), messages.end(), [](const api::Message& m) { return m.role == "user"; });
}

}  // namespace

std::optional<ChatFormat> ChatFormat::Load(const engine::FileSet& files, const std::string& override_file) {
  const TokenizerConfig config = ReadTokenizerConfig(files);
  Sources sources = FindSources(files, config, override_file);
  if (sources.chat.empty()) return std::nullopt;
  ChatFormat format(Parse(sources.chat, sources.name));
  if (!sources.tool_use.empty()) format.tool_use_ = Parse(sources.tool_use, sources.name + " (tool_use)");
  format.tool_format_ = api::DetectToolFormat(sources.tool_use.empty() ? sources.chat : sources.tool_use);
  format.bos_token_ = config.bos_token;
  format.eos_token_ = config.eos_token;
  return format;
}

std::vector<PromptPiece> ChatFormat::RenderMessages(const Conversation& conversation,
                                                    const std::vector<api::Message>& messages,
                                                    const Leniency& leniency) const {
  api::RenderInput input;
  input.messages = api::NormaliseMessages(MessageValues(messages));
  if (!conversation.tools.empty()) {
    input.tools = api::jinja::ParseJson(api::TemplateToolsJson(conversation.tools), "the tools");
    if (leniency.no_null_types) input.tools = api::WithoutNullTypes(input.tools);
  }
  if (leniency.tools_in_system) input.extra.emplace_back("tools_in_user_message", Value::Bool(false));
  if (!conversation.template_kwargs.empty()) {
    const Value kwargs = api::jinja::ParseJson(conversation.template_kwargs, "chat_template_kwargs");
    for (const auto& [key, value] : kwargs.dict().entries) input.extra.emplace_back(key.bytes(), value);
  }
  input.add_generation_prompt = conversation.add_generation_prompt && !conversation.continue_final_message;
  input.bos_token = bos_token_;
  input.eos_token = eos_token_;
  const bool with_tools = !conversation.tools.empty() && tool_use_;
  return (with_tools ? *tool_use_ : chat_).Render(input);
}

// Llama's own templates take one call a turn, where clients send several; they put tools into the first user message
// unless they are told not to, though there may be none. Hermes' know one type for a parameter.
std::vector<PromptPiece> ChatFormat::RenderAnyhow(const Conversation& conversation,
                                                  const std::vector<api::Message>& messages) const {
  try {
    return RenderMessages(conversation, messages, {});
  } catch (const TemplateError& error) {
    const bool raised = error.kind() == TemplateError::Kind::kRaised;
    const std::vector<api::Message> turns = raised ? api::SplitToolCalls(messages) : messages;
    const Leniency leniency{raised && !conversation.tools.empty() && !HasUser(messages), NameNull(conversation.tools)};
    if (turns.size() == messages.size() && !leniency.tools_in_system && !leniency.no_null_types) throw;
    return RenderMessages(conversation, turns, leniency);
  }
}

// The field without which the template would take the conversation.
std::string ChatFormat::Blamed(const Conversation& conversation, const std::vector<api::Message>& messages) const {
  const auto works = [&](const std::vector<api::ToolSpec>& tools, const std::string& variables) {
    try {
      RenderAnyhow({conversation.messages, tools, variables, conversation.add_generation_prompt,
                    conversation.continue_final_message},
                   messages);
      return true;
    } catch (const TemplateError&) {
      return false;
    }
  };
  const std::string& kwargs = conversation.template_kwargs;
  if (!conversation.tools.empty() && (works({}, kwargs) || works({PlainTool()}, kwargs))) return "tools";
  if (!kwargs.empty() && works(conversation.tools, "")) return "chat_template_kwargs";
  return conversation.param;
}

std::vector<PromptPiece> ChatFormat::Render(const Conversation& conversation) const {
  std::vector<api::Message> ordered;
  if (HasSeveralCalls(conversation.messages)) ordered = api::OrderToolResults(conversation.messages);
  const std::vector<api::Message>& messages = ordered.empty() ? conversation.messages : ordered;
  if (IsEmptyPrefill(conversation)) {
    const std::vector<api::Message> before(messages.begin(), messages.end() - 1);
    return Render({before, conversation.tools, conversation.template_kwargs, true, false, conversation.param});
  }
  std::vector<PromptPiece> pieces;
  try {
    pieces = RenderAnyhow(conversation, messages);
  } catch (const TemplateError& error) {
    throw api::InvalidValue(Blamed(conversation, messages),
                            "this model's chat template refuses the conversation: " + error.message());
  }
  if (conversation.continue_final_message) CutBehindFinalMessage(conversation.messages.back().content, pieces);
  return pieces;
}

}  // namespace puna::server
