#include "api/endpoints/responses_items.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "api/fields/local_shell.h"
#include "api/fields/message_reader.h"
#include "api/fields/request_fields.h"
#include "api/json/error.h"
#include "api/json/json_reader.h"

namespace puna::api {

namespace {

using Kind = ResponseItem::Kind;

void ReadMessageItem(ObjectReader& object, ResponseItem& item, Warnings& warnings) {
  item.kind = Kind::kMessage;
  item.role = object.Required<std::string>("role");
  if (item.role == "developer") item.role = "system";
  if (item.role != "system" && item.role != "user" && item.role != "assistant") {
    throw InvalidValue(object.Path("role"), "expected one of user, assistant, system, developer, but got '" +
                                                item.role.substr(0, 80) + "'.");
  }
  item.text = ReadTextContent(object, "content", {"input_text", "output_text", "text", "refusal"}, warnings);
}

void ReadFunctionCall(ObjectReader& object, ResponseItem& item) {
  item.kind = Kind::kFunctionCall;
  item.call_id = object.Required<std::string>("call_id");
  item.name = object.Required<std::string>("name");
  item.space = object.Get<std::string>("namespace", "");
  item.arguments = object.IsNull("arguments") ? "" : object.Required<std::string>("arguments");
}

void ReadCustomCall(ObjectReader& object, ResponseItem& item) {
  item.kind = Kind::kCustomCall;
  item.call_id = object.Required<std::string>("call_id");
  item.name = object.Required<std::string>("name");
  item.space = object.Get<std::string>("namespace", "");
  item.text = object.IsNull("input") ? "" : object.Required<std::string>("input");
}

void ReadFunctionCallOutput(ObjectReader& object, ResponseItem& item, Warnings& warnings) {
  item.kind = Kind::kFunctionCallOutput;
  item.call_id = object.Required<std::string>("call_id");
  if (object.IsNull("output")) return;
  item.text = ReadTextContent(object, "output", {"input_text", "output_text"}, warnings);
}

// Items of tools that others run, as agents send them back.
bool IsForeign(const std::string& type) {
  return type.ends_with("_call") || type.ends_with("_output") || type.starts_with("mcp_");
}

// The arguments of a call that is no function's; empty: it has none that could be shown.
std::string ForeignArguments(const Json& item, const std::string& type) {
  const auto action = item.find("action");
  if (type == "local_shell_call" && action != item.end() && action->is_object()) return LocalShellArguments(*action);
  if (const auto input = item.find("input"); input != item.end() && input->is_string())
    return Dump({{"input", *input}});
  for (const char* name : {"action", "operation", "arguments"}) {
    const auto found = item.find(name);
    if (found != item.end() && found->is_object()) return Dump(*found);
    if (found != item.end() && found->is_string()) return found->get<std::string>();
  }
  return {};
}

// A call or a result of another tool is shown as a function's would be, since what follows speaks of it; false, with a
// warning: it cannot be.
bool ReadForeign(ObjectReader& object, const std::string& type, ResponseItem& item, Warnings& warnings) {
  const Json& json = object.json();
  const std::string call_id = object.Get<std::string>("call_id", "");
  const bool result = type.ends_with("_output") && object.Has("output") && !call_id.empty();
  const std::string arguments = type.ends_with("_call") && !call_id.empty() ? ForeignArguments(json, type) : "";
  if (!result && arguments.empty()) {
    warnings.Add("'" + object.path() + "' of type " + type.substr(0, 80) + " is passed over: the model cannot read it");
    return false;
  }
  item.kind = result ? Kind::kFunctionCallOutput : Kind::kFunctionCall;
  item.call_id = call_id;
  item.name = object.Get<std::string>("name", type.substr(0, type.size() - (result ? 0 : std::strlen("_call"))));
  item.arguments = arguments;
  if (result) item.text = json["output"].is_string() ? json["output"].get<std::string>() : Dump(json["output"]);
  item.json = Dump(json);
  return true;
}

// False: an item that says nothing to this model.
bool ReadItem(const Json& value, const std::string& path, ResponseItem& item, Warnings& warnings) {
  ObjectReader object(value, path);
  const std::string type = object.Get<std::string>("type", object.Has("role") ? "message" : "item_reference");
  item.id = object.Get<std::string>("id", "");
  item.status = object.Get<std::string>("status", "");
  if (type == "message") {
    ReadMessageItem(object, item, warnings);
  } else if (type == "function_call") {
    ReadFunctionCall(object, item);
  } else if (type == "custom_tool_call") {
    ReadCustomCall(object, item);
  } else if (type == "function_call_output") {
    ReadFunctionCallOutput(object, item, warnings);
  } else if (type == "compaction_trigger") {
    item.kind = Kind::kCompactionTrigger;
  } else if (type == "compaction") {
    item.kind = Kind::kCompaction;
    item.sealed = object.Required<std::string>("encrypted_content");
    object.Find("created_by");
  } else if (type == "item_reference") {
    item.kind = Kind::kReference;
    item.id = object.Required<std::string>("id");
  } else if (type == kAdditionalTools) {
    return false;  // read with the tools
  } else if (type == "reasoning") {
    warnings.Add("'" + path + "' of type reasoning has no effect: the model has no reasoning phase");
    return false;
  } else if (IsForeign(type)) {
    return ReadForeign(object, type, item, warnings);
  } else {
    throw InvalidValue(object.Path("type"), "items of type '" + type.substr(0, 80) + "' cannot be used here.",
                       "unsupported_value");
  }
  WarnUnread(object, warnings);
  return true;
}

}  // namespace

std::vector<ResponseItem> ReadItems(const Json& input, const std::string& path, Warnings& warnings) {
  std::vector<ResponseItem> items;
  if (input.is_string()) {
    ResponseItem& item = items.emplace_back();
    item.role = "user";
    item.text = input.get<std::string>();
    return items;
  }
  if (!input.is_array()) throw InvalidType(path, "a string or an array of items", TypeName(input));
  size_t i = 0;
  for (const Json& value : input) {
    ResponseItem item;
    if (ReadItem(value, IndexPath(path, i++), item, warnings)) items.push_back(std::move(item));
  }
  return items;
}

Json OutputLogprobsJson(const std::vector<PositionLogprobs>& positions) {
  const auto token_json = [](const TokenLogprob& token) {
    Json json;
    json["token"] = TokenName(token, false);
    json["logprob"] = LogprobJson(token.logprob);
    json["bytes"] = BytesJson(token.bytes);
    return json;
  };
  Json list = Json::array();
  for (const PositionLogprobs& position : positions) {
    Json json = token_json(position.token);
    Json& top = json["top_logprobs"] = Json::array();
    for (const TokenLogprob& other : position.top) top.push_back(token_json(other));
    list.push_back(std::move(json));
  }
  return list;
}

Json ContentPartJson(const ResponseItem& message) {
  Json part;
  const bool output = message.role == "assistant";
  part["type"] = output ? "output_text" : "input_text";
  part["text"] = message.text;
  if (output) {
    part["annotations"] = Json::array();
    part["logprobs"] = OutputLogprobsJson(message.logprobs);
  }
  return part;
}

Json ItemJson(const ResponseItem& item) {
  if (!item.json.empty()) {
    Json foreign = Json::parse(item.json);
    foreign["id"] = item.id;
    return foreign;
  }
  Json json;
  json["id"] = item.id;
  switch (item.kind) {
    case Kind::kMessage:
      json["type"] = "message";
      json["status"] = item.status.empty() ? "completed" : item.status;
      json["role"] = item.role;
      json["content"] = Json::array();
      // While a message is being written, its parts are announced one by one.
      if (item.status != "in_progress") json["content"].push_back(ContentPartJson(item));
      break;
    case Kind::kFunctionCall:
      json["type"] = "function_call";
      json["status"] = item.status.empty() ? "completed" : item.status;
      json["call_id"] = item.call_id;
      json["name"] = item.name;
      json["arguments"] = item.arguments;
      if (!item.space.empty()) json["namespace"] = item.space;
      break;
    case Kind::kCustomCall:
      json["type"] = "custom_tool_call";
      json["status"] = item.status.empty() ? "completed" : item.status;
      json["call_id"] = item.call_id;
      json["name"] = item.name;
      json["input"] = item.text;
      if (!item.space.empty()) json["namespace"] = item.space;
      break;
    case Kind::kFunctionCallOutput:
      json["type"] = "function_call_output";
      json["status"] = item.status.empty() ? "completed" : item.status;
      json["call_id"] = item.call_id;
      json["output"] = item.text;
      break;
    case Kind::kCompaction:
    case Kind::kContextCompaction:
      json["type"] = "compaction";
      json["encrypted_content"] = item.sealed;
      break;
    case Kind::kReference:
      json["type"] = "item_reference";
      break;
    case Kind::kCompactionTrigger:
      json["type"] = "compaction_trigger";
      break;
  }
  return json;
}

std::string ItemListJson(const std::vector<ResponseItem>& items, bool has_more) {
  Json json;
  json["object"] = "list";
  json["data"] = Json::array();
  for (const ResponseItem& item : items) json["data"].push_back(ItemJson(item));
  json["first_id"] = items.empty() ? Json() : Json(items.front().id);
  json["last_id"] = items.empty() ? Json() : Json(items.back().id);
  json["has_more"] = has_more;
  return Dump(json);
}

std::vector<ResponseItem> ResolveReferences(const std::vector<ResponseItem>& items, const ItemFinder& find) {
  std::vector<ResponseItem> resolved;
  for (const ResponseItem& item : items) {
    if (item.kind != Kind::kReference) {
      resolved.push_back(item);
      continue;
    }
    std::optional<ResponseItem> found = find(item.id);
    if (!found) {
      throw ApiError(404, "invalid_request_error", "item_not_found",
                     "There is no stored item '" + item.id.substr(0, 100) + "'.", "input");
    }
    resolved.push_back(*std::move(found));
  }
  return resolved;
}

void GiveIds(std::vector<ResponseItem>& items, IdGenerator& ids) {
  for (ResponseItem& item : items) {
    if (!item.id.empty()) continue;
    item.id = ids.Next(item.kind == Kind::kMessage             ? "msg_"
                       : item.kind == Kind::kFunctionCall      ? "fc_"
                       : item.kind == Kind::kCustomCall        ? "ctc_"
                       : item.kind == Kind::kCompaction        ? "cmp_"
                       : item.kind == Kind::kContextCompaction ? "cmp_"
                                                               : "fco_");
  }
}

}  // namespace puna::api
