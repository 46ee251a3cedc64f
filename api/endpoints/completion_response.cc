#include "api/endpoints/completion_response.h"

#include <nlohmann/json.hpp>

namespace puna::api {

using Json = nlohmann::ordered_json;

namespace {

// OpenAI marks tokens that are no whole characters in this format.
std::string CompletionTokenName(const TokenLogprob& token, bool as_id) {
  std::string name = TokenName(token, as_id);
  return as_id || name == token.bytes ? name : "bytes:" + name;
}

// The sampled token and the most likely ones.
Json TopJson(const PositionLogprobs& position, bool as_id) {
  Json top = Json::object();
  for (const TokenLogprob& token : position.top) {
    top.emplace(CompletionTokenName(token, as_id), LogprobJson(token.logprob));
  }
  top.emplace(CompletionTokenName(position.token, as_id), LogprobJson(position.token.logprob));
  return top;
}

Json LogprobsJson(const CompletionChoice& choice, bool as_id) {
  Json tokens = Json::array(), logprobs = Json::array(), tops = Json::array(), offsets = Json::array();
  int offset = choice.text_offset;
  for (const PositionLogprobs& position : *choice.logprobs) {
    tokens.push_back(CompletionTokenName(position.token, as_id));
    logprobs.push_back(position.has_logprob ? LogprobJson(position.token.logprob) : Json());
    tops.push_back(position.has_logprob ? TopJson(position, as_id) : Json());
    if (position.text_offset >= 0) offset = position.text_offset;
    offsets.push_back(offset);
    offset += CountCharacters(position.token.bytes);
  }
  Json json;
  json["tokens"] = std::move(tokens);
  json["token_logprobs"] = std::move(logprobs);
  json["top_logprobs"] = std::move(tops);
  json["text_offset"] = std::move(offsets);
  return json;
}

Json ChoiceJson(const CompletionChoice& choice, bool tokens_as_ids) {
  Json json;
  json["text"] = choice.text;
  json["index"] = choice.index;
  json["logprobs"] = choice.logprobs ? LogprobsJson(choice, tokens_as_ids) : Json();
  json["finish_reason"] = choice.finish_reason.empty() ? Json() : Json(choice.finish_reason);
  return json;
}

}  // namespace

int CountCharacters(const std::string& bytes) {
  int count = 0;
  for (const char c : bytes) count += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  return count;
}

std::string CompletionJson(const ResponseHead& head, const std::vector<CompletionChoice>& choices, const Usage& usage,
                           bool tokens_as_ids) {
  Json json = HeadJson(head, "text_completion");
  Json& list = json["choices"] = Json::array();
  for (const CompletionChoice& choice : choices) list.push_back(ChoiceJson(choice, tokens_as_ids));
  json["usage"] = UsageJson(usage);
  return Dump(json);
}

std::string CompletionChunks::Chunk(const CompletionChoice& choice) const {
  Json json = HeadJson(head_, "text_completion");
  json["choices"] = Json::array();
  json["choices"].push_back(ChoiceJson(choice, tokens_as_ids_));
  if (include_usage_) json["usage"] = nullptr;
  return Dump(json);
}

std::string CompletionChunks::UsageChunk(const Usage& usage) const {
  Json json = HeadJson(head_, "text_completion");
  json["choices"] = Json::array();
  json["usage"] = UsageJson(usage);
  return Dump(json);
}

}  // namespace puna::api
