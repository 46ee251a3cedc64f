#include "api/fields/request_fields.h"

#include <nlohmann/json.hpp>

#include "api/json/error.h"
#include "api/json/json_reader.h"

namespace puna::api {

namespace {

constexpr auto kHonoured = FieldStatus::kHonoured;
constexpr auto kRefused = FieldStatus::kRefused;
constexpr auto kWarned = FieldStatus::kWarned;
constexpr unsigned kText = kChat | kCompletions;
constexpr unsigned kGenerating = kText | kResponses;
constexpr unsigned kAll = kGenerating | kEmbeddings;
constexpr unsigned kOllamaText = kOllamaChat | kOllamaGenerate;
constexpr unsigned kOllama = kOllamaText | kOllamaEmbed;

constexpr RequestField kFields[] = {
    {"model", kAll, kHonoured,
     "the served model's name, one of its aliases, or left out; case, :latest and a provider before a slash do not "
     "matter"},
    // Input.
    {"messages", kChat, kHonoured,
     "text of system, developer, user, assistant and tool; developer counts as system; a tool's result names its call "
     "with "
     "tool_call_id, which may be left out when one call only is without a result"},
    {"prompt", kCompletions, kHonoured, "a string, strings, token ids, or arrays of token ids"},
    {"suffix", kCompletions, kRefused, "the model was not trained to fill in the middle", "\"\""},
    {"echo", kText, kHonoured, "the prompt (chat: the last message, if it is the assistant's) before the answer"},
    {"add_special_tokens", kCompletions | kEmbeddings, kHonoured,
     "whether text prompts begin with the begin-of-text token"},
    {"add_special_tokens", kChat, kRefused, "the chat template writes them", "false"},
    {"add_generation_prompt", kChat, kHonoured, "whether the prompt ends with the assistant's header"},
    {"continue_final_message", kChat, kHonoured, "the answer goes on where the last message ends"},
    {"chat_template", kChat, kRefused, "only the operator chooses the template (--chat-template-file)"},
    {"chat_template_kwargs", kChat, kHonoured, "variables for the chat template"},
    {"documents", kChat, kRefused, "put documents into messages", "[]"},
    {"mm_processor_kwargs", kChat, kRefused, "the model reads text only", "{}"},
    {"truncate_prompt_tokens", kText | kEmbeddings, kRefused, "a prompt is never cut in silence; shorten it"},
    {"prediction", kChat, kHonoured, "expected text, tried as a draft; the result stays the same"},
    // Sampling.
    {"max_tokens", kText, kHonoured,
     "a bound: what has no room ends with length; chat: without it, and with -1, up to the end of the context; "
     "completions: 16"},
    {"max_completion_tokens", kChat, kHonoured, "the newer name of max_tokens"},
    {"max_completion_tokens", kCompletions | kMessages, kRefused, "it is called max_tokens here"},
    {"max_output_tokens", kChat, kRefused, "it is called max_completion_tokens here"},
    {"max_output_tokens", kCompletions | kMessages, kRefused, "it is called max_tokens here"},
    {"max_tokens", kResponses, kRefused, "it is called max_output_tokens here"},
    {"max_completion_tokens", kResponses, kRefused, "it is called max_output_tokens here"},
    {"max_new_tokens", kText | kMessages, kRefused, "it is called max_tokens here"},
    {"n_predict", kText | kMessages, kRefused, "it is called max_tokens here", "-1"},
    {"num_predict", kText | kMessages, kRefused, "it is called max_tokens here", "-1"},
    {"max_new_tokens", kResponses, kRefused, "it is called max_output_tokens here"},
    {"n_predict", kResponses, kRefused, "it is called max_output_tokens here", "-1"},
    {"num_predict", kResponses, kRefused, "it is called max_output_tokens here", "-1"},
    {"temperature", kGenerating, kHonoured, "0 to 2"},
    {"top_p", kGenerating, kHonoured, "0 to 1"},
    {"top_k", kGenerating, kHonoured, "-1 or 0: off"},
    {"min_p", kGenerating, kHonoured, "0 to 1"},
    {"repetition_penalty", kGenerating, kHonoured, "above 0, at most 10"},
    {"frequency_penalty", kGenerating, kHonoured, "-2 to 2"},
    {"presence_penalty", kGenerating, kHonoured, "-2 to 2"},
    {"logit_bias", kText, kHonoured, "token ids to -100 .. 100"},
    {"logit_bias", kResponses | kMessages, kRefused, "use /v1/chat/completions, which has this field", "{}"},
    {"seed", kGenerating, kHonoured, "the same seed and request give the same answer"},
    {"stop", kText, kHonoured, "a string or up to 16; empty ones stop nothing"},
    {"stop_token_ids", kText, kHonoured, "ids that end the answer"},
    {"stop_sequences", kText, kRefused, "it is called stop here", "[]"},
    {"stop", kResponses, kRefused, "use /v1/chat/completions, which has this field", "[]|\"\""},
    {"stop_sequences", kResponses, kRefused, "use /v1/chat/completions, which has stop", "[]"},
    {"stop_token_ids", kResponses | kMessages, kRefused, "use /v1/chat/completions, which has this field", "[]"},
    {"include_stop_str_in_output", kText, kHonoured, "shows the stop string that ended the answer"},
    {"ignore_eos", kText, kHonoured, "goes on over the model's end tokens"},
    {"min_tokens", kText, kHonoured, "neither end tokens nor stop strings count before"},
    {"ignore_eos", kResponses | kMessages, kRefused, "use /v1/chat/completions, which has this field", "false"},
    {"min_tokens", kResponses | kMessages, kRefused, "use /v1/chat/completions, which has this field", "0"},
    {"skip_special_tokens", kText, kHonoured, "false: special tokens appear as text"},
    {"spaces_between_special_tokens", kText, kWarned, "special tokens are written without spaces", "false|true"},
    {"n", kText, kHonoured, "1 to 128"},
    {"n", kResponses, kRefused, "a response has one answer", "1"},
    {"best_of", kCompletions, kHonoured, "n to 128; the n answers with the highest mean log-probability are given"},
    {"best_of", kChat, kRefused, "use n", "1"},
    {"use_beam_search", kText, kRefused, "there is no beam search", "false"},
    {"length_penalty", kText, kRefused, "there is no beam search", "1"},
    {"early_stopping", kText, kRefused, "there is no beam search", "false"},
    {"bad_words", kText, kRefused, "use logit_bias", "[]"},
    {"allowed_token_ids", kText, kRefused, "use logit_bias or a grammar", "[]"},
    {"logits_processors", kText, kRefused, "use logit_bias or a grammar", "[]"},
    // Log-probabilities.
    {"logprobs", kChat, kHonoured, "true or false"},
    {"logprobs", kCompletions, kHonoured, "0 to 20 alternatives"},
    {"top_logprobs", kChat | kResponses, kHonoured, "0 to 20 alternatives"},
    {"prompt_logprobs", kText, kRefused, "use /v1/completions with echo and logprobs"},
    {"return_tokens_as_token_ids", kText, kHonoured, "log-probabilities name tokens as token_id:N"},
    {"return_token_ids", kText, kRefused, "use /tokenize", "false"},
    // Structured output and tools.
    {"response_format", kText, kHonoured,
     "text, json_object (with a schema, too), json_schema; beside tools, the model may call one instead; an unknown "
     "type or a $ref to nothing in a schema is refused, strict or not"},
    {"json_schema", kText, kHonoured, "llama.cpp's name of guided_json; what cannot be enforced is warned of"},
    {"format", kText, kHonoured, "Ollama's: json, or a JSON Schema; what cannot be enforced is warned of"},
    {"regex", kText, kHonoured, "SGLang's name of guided_regex"},
    {"grammar", kText, kHonoured, "llama.cpp's name of guided_grammar"},
    {"ebnf", kText, kHonoured, "SGLang's name of guided_grammar"},
    {"response_format", kResponses, kRefused, "it has moved to text.format"},
    {"text", kText, kRefused, "it is called response_format here", "{\"format\":{\"type\":\"text\"}}"},
    {"json_schema", kResponses, kRefused, "use text.format"},
    {"format", kResponses, kRefused, "use text.format"},
    {"structured_outputs", kResponses, kRefused, "use text.format; /v1/chat/completions has this field"},
    {"guided_json", kResponses, kRefused, "use text.format"},
    {"guided_regex", kResponses | kMessages, kRefused, "use /v1/chat/completions, which has this field"},
    {"guided_choice", kResponses, kRefused, "use text.format with a schema that has an enum"},
    {"guided_grammar", kResponses | kMessages, kRefused, "use /v1/chat/completions, which has this field"},
    {"regex", kResponses | kMessages, kRefused, "use /v1/chat/completions, which has this field"},
    {"grammar", kResponses | kMessages, kRefused, "use /v1/chat/completions, which has this field", "\"\""},
    {"ebnf", kResponses | kMessages, kRefused, "use /v1/chat/completions, which has this field"},
    {"guided_json", kText, kHonoured, "a JSON Schema"},
    {"guided_regex", kText, kHonoured, "a regular expression"},
    {"guided_choice", kText, kHonoured, "one of these strings"},
    {"guided_grammar", kText, kHonoured, "a grammar"},
    {"structured_outputs", kText, kHonoured, "vLLM's newer form: json, regex, choice, grammar or json_object"},
    {"guided_decoding_backend", kText, kWarned, "there is one grammar engine"},
    {"guided_whitespace_pattern", kText, kRefused, "white space is the grammar's"},
    {"structural_tag", kText, kRefused, "use tools or a grammar"},
    {"tools", kChat | kResponses, kHonoured,
     "functions and custom tools (their input a text, or one of a Lark grammar or regex); responses: local_shell, "
     "those of namespaces and of additional_tools items, too; a strict function whose schema cannot be enforced is "
     "refused, any other named in a warning; an "
     "unknown type or a $ref to nothing in a schema is refused, strict or not; tools of other kinds are left out and "
     "named"},
    {"tool_choice", kChat | kResponses, kHonoured,
     "none, auto, required, one function or custom tool, allowed_tools; auto: JSON, <function=...> and Hermes' calls "
     "keep to the offered names and their schemas or grammars once they begin, Pythonic ones to the names"},
    {"tools", kCompletions, kRefused, "use /v1/chat/completions", "[]"},
    {"tool_choice", kCompletions, kRefused, "use /v1/chat/completions", "\"none\"|\"auto\""},
    {"parallel_tool_calls", kChat | kResponses, kHonoured, "false: at most one call in an answer"},
    {"functions", kChat, kHonoured, "the deprecated form of tools; the answer has one function_call then"},
    {"function_call", kChat, kHonoured, "auto, none or one function"},
    // Streaming.
    {"stream", kGenerating, kHonoured, "server-sent events"},
    {"stream_options", kGenerating, kHonoured, "include_usage (chat and completions)"},
    {"include_energy", kGenerating, kHonoured, "adds usage.energy: joules, gco2e, source"},
    {"include_cache_report", kGenerating, kHonoured,
     "adds usage.cache_report: the prompt's tokens from memory, from disk, copied and computed, and where and why the "
     "first "
     "difference to what was cached is"},
    {"speculation", kGenerating, kHonoured,
     "false: nothing is guessed ahead; or {sources: [prediction, grammar, lookup, remembered, draft], max: N}; adds "
     "usage.speculation: proposed and accepted tokens by source; the answer stays the same"},
    // Responses.
    {"messages", kResponses, kRefused, "it is called input here"},
    {"input", kResponses, kHonoured,
     "a string or items: messages, function calls and their outputs, compactions; a compaction_trigger at the end has "
     "all of it compacted and nothing answered"},
    {"instructions", kResponses, kHonoured, "a system message before the input"},
    {"previous_response_id", kResponses, kHonoured, "a response stored here; its input and output come first"},
    {"conversation", kResponses, kHonoured,
     "a conversation, by its id or as {id}: its items come first, and input and output are added to it at the end; not "
     "beside previous_response_id"},
    {"prompt", kResponses, kRefused, "there are no stored prompts; use input"},
    {"max_output_tokens", kResponses, kHonoured,
     "a bound: what has no room ends as incomplete; without it, and with -1, up to the end of the context"},
    {"max_tool_calls", kResponses, kWarned, "counts built-in tools only, of which there are none"},
    {"text", kResponses, kHonoured, "format: text, json_object, json_schema"},
    {"truncation", kResponses, kHonoured, "disabled or auto: drops the oldest items that do not fit"},
    {"context_management", kResponses, kHonoured,
     "[{type: compaction, compact_threshold: N}]: a longer prompt is compacted before it is answered, and the "
     "compaction stands first in the output; without N, and at most, three quarters of the context"},
    {"include", kResponses, kHonoured,
     "message.output_text.logprobs; reasoning.encrypted_content, of which there is none; other names are warned of"},
    {"background", kResponses, kHonoured,
     "true: answered at once as queued, and made while nobody waits; GET tells how it stands, cancel ends it; needs "
     "store"},
    {"reasoning", kResponses, kWarned, "the model has no reasoning phase", "{}"},
    // Conversations.
    {"items", kConversations, kHonoured, "up to 20, as in the input of /v1/responses"},
    {"metadata", kConversations, kHonoured, "kept with the conversation"},
    // Embeddings.
    {"input", kEmbeddings, kHonoured, "a string, strings, token ids, or arrays of token ids"},
    {"encoding_format", kEmbeddings, kHonoured, "float or base64"},
    {"dimensions", kEmbeddings, kHonoured, "the length of this model's vectors; it was not trained for others"},
    {"pooling", kEmbeddings, kHonoured,
     "mean (the default) or last: how the tokens' hidden states behind the final norm become one"},
    {"normalize", kEmbeddings, kRefused, "vectors have length 1", "true"},
    // Identity, storage, service.
    {"extra_body", kGenerating, kRefused, "its members are fields of the body itself", "{}"},
    // What shapes an answer elsewhere.
    {"options", kGenerating, kRefused, "Ollama's; its members are fields of the body itself, such as temperature",
     "{}"},
    {"system", kChat, kRefused, "put it into messages, with the role system", "\"\""},
    {"instructions", kChat, kRefused, "put it into messages, with the role system", "\"\""},
    {"input", kChat, kRefused, "it is called messages here"},
    {"system", kCompletions, kRefused, "put it before the prompt, or use /v1/chat/completions", "\"\""},
    {"messages", kCompletions, kRefused, "use /v1/chat/completions"},
    {"system", kResponses, kRefused, "it is called instructions here", "\"\""},
    {"user", kAll, kHonoured, "written to the access log"},
    {"safety_identifier", kGenerating, kHonoured, "written to the access log when there is no user"},
    {"metadata", kResponses, kHonoured, "kept with the response"},
    {"metadata", kChat, kWarned, "chat completions are not stored", "{}"},
    {"store", kResponses, kHonoured,
     "keeps the response for a bounded time, in memory or in a file (--responses-path); true without it"},
    {"store", kChat, kWarned, "chat completions are not stored; /v1/responses can be", "false"},
    {"service_tier", kGenerating, kHonoured, "all tiers are served as default, which the answer says"},
    {"prompt_cache_key", kGenerating, kHonoured,
     "taken; the prefix cache goes by content and finds without a key what one would bring together"},
    {"client_metadata", kResponses, kHonoured, "taken; it is the client's own"},
    {"prompt_cache_retention", kGenerating, kWarned, "the prefix cache keeps what has room"},
    {"cache_salt", kGenerating, kHonoured,
     "a text that divides the prefix cache, in memory and on disk: requests find what was computed under the same one"},
    {"priority", kGenerating, kHonoured,
     "lower numbers come first, among the requests of the same key (or address, where there are no keys); 0 without "
     "it"},
    {"request_id", kText, kWarned, "ids are made here; send X-Request-Id for the log"},
    {"kv_transfer_params", kText, kRefused, "there is no transfer of caches"},
    {"vllm_xargs", kText, kWarned, "vLLM's own", "{}"},
    {"moderation", kGenerating, kRefused, "there is no moderation"},
    // Other kinds of models.
    {"reasoning_effort", kChat, kWarned, "the model has no reasoning phase", "\"none\""},
    {"include_reasoning", kChat, kWarned, "the model has no reasoning phase", "false|true"},
    {"verbosity", kChat, kWarned, "the model has no such setting; say it in words", "\"medium\""},
    {"modalities", kChat, kRefused, "the model writes text only", "[\"text\"]"},
    {"audio", kChat, kRefused, "the model writes text only"},
    {"web_search_options", kChat, kRefused, "there is no web search"},
    // Anthropic's Messages.
    {"model", kMessages, kHonoured,
     "the served model's name or one of its aliases; case, :latest and a provider before a slash do not matter"},
    {"messages", kMessages, kHonoured,
     "roles user, assistant and system, in any order; text, tool_use, tool_result, and documents and search results of "
     "text; thinking is passed over; images and files are refused; a last message of the assistant's is gone on with"},
    {"max_tokens", kMessages, kHonoured, "a bound, 0 or more; 0 only fills the prefix cache; not in count_tokens"},
    {"system", kMessages, kHonoured, "a string or text blocks, joined with an empty line"},
    {"stop_sequences", kMessages, kHonoured, "up to 64 strings, none empty; the answer names the one that ended it"},
    {"stream", kMessages, kHonoured, "server-sent events, with pings while the prompt is computed"},
    {"temperature", kMessages, kHonoured, "0 to 1"},
    {"top_p", kMessages, kHonoured, "0 to 1"},
    {"top_k", kMessages, kHonoured, "0: off"},
    {"tools", kMessages, kHonoured,
     "with name, description, input_schema and strict; tools that Anthropic runs or defines are left out and named"},
    {"tool_choice", kMessages, kHonoured, "auto, any, tool, none; disable_parallel_tool_use"},
    {"output_config", kMessages, kHonoured, "format: json_schema; effort has no effect, which a warning says"},
    {"output_format", kMessages, kHonoured, "the older place of output_config.format"},
    {"metadata", kMessages, kHonoured, "user_id is written to the access log"},
    {"service_tier", kMessages, kHonoured, "auto and standard_only; all is served as standard, which the answer says"},
    {"cache_control", kMessages, kHonoured, "everywhere: the prefix cache keeps all that has room without being told"},
    {"context_management", kMessages, kHonoured, "nothing is edited, which the answer says: applied_edits is empty"},
    {"diagnostics", kMessages, kHonoured, "the answer says that a reason for what the cache lacked is unavailable"},
    {"thinking", kMessages, kWarned, "the model has no reasoning phase", "{\"type\":\"disabled\"}"},
    {"speed", kMessages, kWarned, "there is one speed", "\"standard\""},
    {"inference_geo", kMessages, kWarned, "all is computed on this machine"},
    {"safeguards", kMessages, kWarned, "there is no moderation", "{}|[]"},
    {"mcp_servers", kMessages, kRefused, "no tools are run here; offer them in tools", "[]"},
    {"container", kMessages, kRefused, "no code is run here"},
    {"prompt", kMessages, kRefused, "it is called messages here"},
    {"stop", kMessages, kRefused, "it is called stop_sequences here", "[]|\"\""},
    {"max_tokens_to_sample", kMessages, kRefused, "it is called max_tokens here"},
    {"response_format", kMessages, kRefused, "it is called output_config.format here", "{\"type\":\"text\"}"},
    {"text", kMessages, kRefused, "it is called output_config.format here", "{\"format\":{\"type\":\"text\"}}"},
    {"json_schema", kMessages, kRefused, "use output_config.format"},
    {"format", kMessages, kRefused, "use output_config.format"},
    {"structured_outputs", kMessages, kRefused, "use output_config.format"},
    {"guided_json", kMessages, kRefused, "use output_config.format"},
    {"guided_choice", kMessages, kRefused, "use output_config.format with a schema that has an enum"},
    {"n", kMessages, kRefused, "a message has one answer", "1"},
    // Ollama's.
    {"model", kOllama, kHonoured,
     "the served model's name or one of its aliases; case, the tag :latest and what stands before a slash do not "
     "matter"},
    {"messages", kOllamaChat, kHonoured,
     "text of system, user, assistant and tool; a result names its call by tool_call_id, tool_name or its place; "
     "without "
     "messages nothing is generated"},
    {"prompt", kOllamaGenerate, kHonoured, "a string; without it and system nothing is generated"},
    {"system", kOllamaGenerate, kHonoured, "a system message before the prompt"},
    {"raw", kOllamaGenerate, kHonoured,
     "the prompt without the chat template; what looks like a special token is text"},
    {"suffix", kOllamaGenerate, kRefused, "the model was not trained to fill in the middle", "\"\""},
    {"template", kOllamaGenerate, kRefused, "only the operator chooses the template (--chat-template-file)", "\"\""},
    {"context", kOllamaGenerate, kRefused, "use /api/chat with the messages so far; the prefix cache has them", "[]"},
    {"images", kOllamaGenerate, kRefused, "the model reads text only", "[]"},
    {"tools", kOllamaChat, kHonoured, "functions; tools of other kinds are left out and named"},
    {"format", kOllamaText, kHonoured, "json, or a JSON Schema; what cannot be enforced is warned of"},
    {"think", kOllamaText, kHonoured, "false; anything else is refused: the model has no reasoning phase"},
    {"stream", kOllamaText, kHonoured, "one JSON object a line; true when left out"},
    {"options", kOllamaText, kHonoured,
     "temperature (0.8), top_k (40), top_p (0.9), min_p, repeat_penalty, presence_penalty, frequency_penalty, seed, "
     "stop, "
     "num_predict, num_ctx as a bound of the prompt; what the server decides itself (threads, batches, memory) passes; "
     "others are warned of"},
    {"logprobs", kOllamaText, kHonoured, "true or false"},
    {"top_logprobs", kOllamaText, kHonoured, "0 to 20 alternatives"},
    {"truncate", kOllamaText, kHonoured,
     "true when left out: messages that do not fit are dropped, the oldest first, which a warning says; false: 400"},
    {"shift", kOllamaText, kWarned, "an answer ends where the context does", "false|true"},
    {"keep_alive", kOllama, kHonoured, "a number or a text; the model stays as long as the server runs"},
    {"input", kOllamaEmbed, kHonoured, "a string or strings; one that is too long is refused and not cut"},
    {"truncate", kOllamaEmbed, kWarned, "an input is never cut in silence; shorten it", "false|true"},
    {"dimensions", kOllamaEmbed, kHonoured, "the length of this model's vectors; it was not trained for others"},
    {"options", kOllamaEmbed, kWarned, "an embedding has none", "{}"},
};

constexpr std::pair<Endpoint, std::string_view> kPaths[] = {
    {kChat, "/v1/chat/completions"},    {kCompletions, "/v1/completions"}, {kResponses, "/v1/responses"},
    {kEmbeddings, "/v1/embeddings"},    {kMessages, "/v1/messages"},       {kOllamaChat, "/api/chat"},
    {kOllamaGenerate, "/api/generate"}, {kOllamaEmbed, "/api/embed"},      {kConversations, "/v1/conversations"},
};

std::string_view StatusName(FieldStatus status) {
  return status == kHonoured ? "honoured" : status == kRefused ? "refused" : "warned";
}

bool IsHarmless(const Json& value, std::string_view harmless) {
  while (!harmless.empty()) {
    const size_t bar = harmless.find('|');
    if (value == Json::parse(harmless.substr(0, bar))) return true;
    harmless = bar == harmless.npos ? std::string_view() : harmless.substr(bar + 1);
  }
  return false;
}

}  // namespace

std::span<const RequestField> RequestFields() { return kFields; }

const RequestField* FindRequestField(Endpoint endpoint, std::string_view name) {
  for (const RequestField& field : kFields) {
    if ((field.endpoints & endpoint) && field.name == name) return &field;
  }
  return nullptr;
}

void CheckFields(Endpoint endpoint, ObjectReader& body, Warnings& warnings) {
  // Every one of them is compared with the whole table; nobody mistypes this many.
  constexpr size_t kMaxFields = 1000;
  if (body.json().size() > kMaxFields) {
    throw MalformedBody("it has " + std::to_string(body.json().size()) + " fields, more than all that are known.");
  }
  for (const auto& [name, value] : body.json().items()) {
    if (value.is_null()) continue;
    const RequestField* field = FindRequestField(endpoint, name);
    if (!field) {
      warnings.Add("'" + name + "' is not known and has no effect");
      continue;
    }
    if (field->status == kHonoured || IsHarmless(value, field->harmless)) continue;
    if (field->status == kRefused) throw Unsupported(name, std::string(field->note) + ".");
    warnings.Add("'" + name + "' has no effect: " + std::string(field->note));
  }
}

void WarnUnread(const ObjectReader& object, Warnings& warnings) {
  for (const std::string& path : object.Unread()) warnings.Add("'" + path + "' is not known and has no effect");
}

std::string CapabilitiesJson(const std::function<bool(const std::string& path)>& served,
                             const std::vector<std::pair<std::string, std::string>>& extra) {
  Json capabilities;
  capabilities["object"] = "capabilities";
  for (const auto& [endpoint, path] : kPaths) {
    if (!served(std::string(path))) continue;
    Json fields = Json::array();
    for (const RequestField& field : kFields) {
      if (!(field.endpoints & endpoint)) continue;
      Json row;
      row["name"] = field.name;
      row["status"] = StatusName(field.status);
      row["note"] = field.note;
      fields.push_back(std::move(row));
    }
    capabilities["endpoints"][std::string(path)]["fields"] = std::move(fields);
  }
  for (const auto& [name, json] : extra) capabilities[name] = Json::parse(json);
  return capabilities.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string CapabilitiesMarkdown() {
  std::string text;
  for (const auto& [endpoint, path] : kPaths) {
    text.append("### `").append(path).append("`\n\n| field | | |\n|---|---|---|\n");
    for (const RequestField& field : kFields) {
      if (!(field.endpoints & endpoint)) continue;
      text.append("| `").append(field.name).append("` | ").append(StatusName(field.status));
      text.append(" | ").append(field.note).append(" |\n");
    }
    text += '\n';
  }
  return text;
}

}  // namespace puna::api
