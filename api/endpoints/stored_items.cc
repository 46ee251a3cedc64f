#include "api/endpoints/stored_items.h"

#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "api/fields/request_fields.h"
#include "api/json/raw_json.h"

namespace puna::api {
namespace {

using JsonValue = nlohmann::ordered_json;

// The members that are texts, by their names in the store.
constexpr std::array<std::pair<const char*, std::string ResponseItem::*>, 10> kTexts = {{
    {"id", &ResponseItem::id},
    {"status", &ResponseItem::status},
    {"role", &ResponseItem::role},
    {"text", &ResponseItem::text},
    {"call_id", &ResponseItem::call_id},
    {"name", &ResponseItem::name},
    {"space", &ResponseItem::space},
    {"arguments", &ResponseItem::arguments},
    {"sealed", &ResponseItem::sealed},
    {"json", &ResponseItem::json},
}};

// A token's bytes may be a part of a character, which JSON cannot say.
JsonValue TokenToStore(const TokenLogprob& token) {
  JsonValue bytes = JsonValue::array();
  for (const char c : token.bytes) bytes.push_back(static_cast<unsigned char>(c));
  return {token.id, std::move(bytes), std::isfinite(token.logprob) ? JsonValue(token.logprob) : JsonValue()};
}

TokenLogprob TokenFromStore(const JsonValue& stored) {
  TokenLogprob token;
  stored.at(0).get_to(token.id);
  for (const JsonValue& byte : stored.at(1)) token.bytes += static_cast<char>(byte.get<unsigned char>());
  if (stored.at(2).is_null())
    token.logprob = -std::numeric_limits<decltype(token.logprob)>::infinity();
  else
    stored.at(2).get_to(token.logprob);
  return token;
}

}  // namespace

std::string ItemsToStore(const std::vector<ResponseItem>& items) {
  JsonValue list = JsonValue::array();
  for (const ResponseItem& item : items) {
    JsonValue& json = list.emplace_back();
    json["kind"] = static_cast<int>(item.kind);
    for (const auto& [name, member] : kTexts) {
      if (!(item.*member).empty()) json[name] = item.*member;
    }
    for (const PositionLogprobs& position : item.logprobs) {
      JsonValue tokens = JsonValue::array({TokenToStore(position.token)});
      for (const TokenLogprob& other : position.top) tokens.push_back(TokenToStore(other));
      json["logprobs"].push_back(std::move(tokens));
    }
  }
  return Dump(list);
}

std::vector<ResponseItem> ItemsFromStore(std::string_view text) {
  std::vector<ResponseItem> items;
  for (const JsonValue& json : JsonValue::parse(text)) {
    ResponseItem& item = items.emplace_back();
    item.kind = static_cast<ResponseItem::Kind>(json.at("kind").get<int>());
    for (const auto& [name, member] : kTexts) item.*member = json.value(name, "");
    if (!json.contains("logprobs")) continue;
    for (const JsonValue& tokens : json["logprobs"]) {
      PositionLogprobs& position = item.logprobs.emplace_back();
      position.token = TokenFromStore(tokens.at(0));
      for (size_t i = 1; i < tokens.size(); ++i) position.top.push_back(TokenFromStore(tokens[i]));
    }
  }
  return items;
}

}  // namespace puna::api
