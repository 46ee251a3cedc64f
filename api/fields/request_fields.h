// Every field of a request body that OpenAI, Anthropic and Ollama document, and vLLM's that we know: what becomes of it.
// Parsing checks bodies against this table, and /v1/capabilities and the documentation are printed
// from it, so that they cannot differ.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/fields/warnings.h"

namespace puna::api {

class ObjectReader;

enum Endpoint : unsigned {
  kChat = 1,             // /v1/chat/completions
  kCompletions = 2,      // /v1/completions
  kResponses = 4,        // /v1/responses
  kEmbeddings = 8,       // /v1/embeddings
  kMessages = 16,        // /v1/messages, Anthropic's
  kOllamaChat = 32,      // /api/chat, Ollama's
  kOllamaGenerate = 64,  // /api/generate
  kOllamaEmbed = 128,    // /api/embed
  kConversations = 256,  // /v1/conversations
};

enum class FieldStatus {
  kHonoured,  // read, checked, and does what it says
  kRefused,   // 400 with the field as `param`
  kWarned,    // has no effect, which a warning says
};

struct RequestField {
  std::string_view name;
  unsigned endpoints;
  FieldStatus status;
  std::string_view note;
  // Refused and warned fields: values, as JSON separated by '|', that ask for nothing and pass
  // without a word.
  std::string_view harmless = {};
};

std::span<const RequestField> RequestFields();
const RequestField* FindRequestField(Endpoint endpoint, std::string_view name);

// Refuses and warns by the table; a field that is not in it is named in a warning.
void CheckFields(Endpoint endpoint, ObjectReader& body, Warnings& warnings);
// A warning for every member of `object` that nobody asked for.
void WarnUnread(const ObjectReader& object, Warnings& warnings);

// The table as JSON: {"object": "capabilities", "endpoints": {"/v1/chat/completions": {"fields":
// [{"name", "status", "note"}, ...]}, ...}, EXTRA}, with the endpoints that are `served`; EXTRA are
// members that the server adds: name and JSON text.
std::string CapabilitiesJson(const std::function<bool(const std::string& path)>& served,
                             const std::vector<std::pair<std::string, std::string>>& extra = {});
// The same as a Markdown table for the documentation.
std::string CapabilitiesMarkdown();

}  // namespace puna::api
