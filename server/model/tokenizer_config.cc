#include "server/model/tokenizer_config.h"

#include <nlohmann/json.hpp>
#include <stdexcept>

namespace puna::server {
namespace {

using nlohmann::json;

json ReadObject(const engine::FileSet& files, const std::string& name) {
  if (!files.Has(name)) return json::object();
  const auto file = files.Open(name);
  const auto* begin = reinterpret_cast<const char*>(file->bytes().data());
  json object = json::parse(begin, begin + file->bytes().size(), nullptr, false);
  if (object.is_object()) return object;
  throw std::runtime_error(files.PathOf(name) + ": expected a JSON object; download the file again");
}

// A token is named by its text, or by an object that holds its text.
std::string TokenText(const json& config, const char* key) {
  const auto found = config.find(key);
  if (found == config.end()) return "";
  const json& value = found->is_object() ? found->value("content", json()) : *found;
  return value.is_string() ? value.get<std::string>() : "";
}

// chat_template is one template, or a list of named ones.
void ReadTemplates(const json& config, TokenizerConfig* out) {
  const auto found = config.find("chat_template");
  if (found == config.end()) return;
  if (found->is_string()) out->chat_template = found->get<std::string>();
  if (!found->is_array()) return;
  for (const json& entry : *found) {
    if (!entry.is_object()) continue;
    const std::string name = TokenText(entry, "name"), text = TokenText(entry, "template");
    if (name == "default") out->chat_template = text;
    if (name == "tool_use") out->tool_use_template = text;
  }
}

}  // namespace

TokenizerConfig ReadTokenizerConfig(const engine::FileSet& files) {
  const json config = ReadObject(files, "tokenizer_config.json");
  TokenizerConfig out;
  out.bos_token = TokenText(config, "bos_token");
  out.eos_token = TokenText(config, "eos_token");
  const auto add = config.find("add_bos_token");
  if (add != config.end() && add->is_boolean()) out.add_bos_token = add->get<bool>();
  ReadTemplates(config, &out);
  if (out.chat_template.empty()) ReadTemplates(ReadObject(files, "chat_template.json"), &out);
  if (!out.bos_token.empty() && !out.eos_token.empty()) return out;
  const json map = ReadObject(files, "special_tokens_map.json");
  if (out.bos_token.empty()) out.bos_token = TokenText(map, "bos_token");
  if (out.eos_token.empty()) out.eos_token = TokenText(map, "eos_token");
  return out;
}

}  // namespace puna::server
