// The items of /v1/responses: what goes in and what comes out are made of the same pieces.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/fields/id_generator.h"
#include "api/fields/message.h"
#include "api/fields/response_parts.h"
#include "api/fields/warnings.h"

namespace puna::api {

struct ResponseItem {
  enum class Kind {
    kMessage,
    kFunctionCall,
    kFunctionCallOutput,
    kCustomCall,         // of a custom tool: its input stands in `text`
    kCompaction,         // a summary of what was said before: `text`, and `sealed` as the client keeps it
    kReference,          // item_reference: an item of a stored response, by its id
    kContextCompaction,  // a compaction in place of all that stands before it, the user's last words apart
    kCompactionTrigger,  // asks for such a one, and for no answer
  };
  Kind kind = Kind::kMessage;
  std::string id;      // msg_..., fc_..., ctc_..., cmp_...; a client may leave it out
  std::string status;  // in_progress, completed, incomplete; empty: not said
  std::string role;    // kMessage: system, user or assistant
  std::string text;    // kMessage: its content; kFunctionCallOutput: the output; kCustomCall: the input
  std::string call_id;
  std::string name;                        // kFunctionCall, kCustomCall
  std::string space;                       // of them: the namespace of the tool; empty: none
  std::string arguments;                   // kFunctionCall
  std::string sealed;                      // kCompaction: its encrypted_content
  std::string json;                        // as it came: a call or result of another tool, shown as a function's
  std::vector<PositionLogprobs> logprobs;  // kMessage of ours, when asked for
};

// The type of items that bring tools, in place of the body's `tools` or beside them: Codex sends them for some models.
inline constexpr std::string_view kAdditionalTools = "additional_tools";

// `input`: a string (one user message) or an array of items. Messages may leave out their type. Reasoning items and those of
// tools that others run are passed over with a warning, unless the model can be shown them as a function's; kinds that this
// model cannot read are refused by name. Items that bring tools are left to who reads the tools. Throws ApiError.
std::vector<ResponseItem> ReadItems(const nlohmann::ordered_json& input, const std::string& path, Warnings& warnings);

nlohmann::ordered_json ItemJson(const ResponseItem& item);
// One part of a message's content: {"type": "output_text", ...} for the assistant, input_text for
// others.
nlohmann::ordered_json ContentPartJson(const ResponseItem& message);
nlohmann::ordered_json OutputLogprobsJson(const std::vector<PositionLogprobs>& positions);

// {"object": "list", "data": [...], "first_id", "last_id", "has_more"}
std::string ItemListJson(const std::vector<ResponseItem>& items, bool has_more = false);

// Puts the items that references name in their place; `find` looks among the stored ones. Throws
// ApiError 404.
using ItemFinder = std::function<std::optional<ResponseItem>(const std::string& id)>;
std::vector<ResponseItem> ResolveReferences(const std::vector<ResponseItem>& items, const ItemFinder& find);

// To those that have none.
void GiveIds(std::vector<ResponseItem>& items, IdGenerator& ids);

// The conversation for the chat template: `instructions` first as a system message (none when
// empty), then the items of earlier responses, then those of the request. Calls join the
// assistant's turn before them. Instructions of earlier responses do not count. Before the last kContextCompaction only system
// messages stay; what the user said right before it stands behind it.
std::vector<Message> AssembleMessages(const std::string& instructions, const std::vector<ResponseItem>& earlier,
                                      const std::vector<ResponseItem>& input);

// Whether anything was said before the user's last words: more than a compaction would leave as it is.
bool HasPast(const std::vector<ResponseItem>& earlier, const std::vector<ResponseItem>& input);

// truncation "auto" takes out messages from the oldest on, each together with the results of its
// calls, but no system messages and never the last message: how many times that can be done, and
// what is left after `count` times.
size_t NumDroppable(const std::vector<Message>& messages);
std::vector<Message> WithoutOldest(const std::vector<Message>& messages, size_t count);

}  // namespace puna::api
