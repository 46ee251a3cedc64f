#include "api/endpoints/front_end_probes.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "api/fields/response_parts.h"

namespace puna::api {
namespace {

using OrderedJson = nlohmann::ordered_json;

// Clients know gguf and mlx, and refuse the whole list for any other word.
constexpr const char* kKnownFormat = "gguf";

OrderedJson LmStudioEntry(const ServedModel& model) {
  OrderedJson json = {{"id", model.id},
                      {"object", "model"},
                      {"type", "llm"},
                      {"publisher", "puna"},
                      {"arch", "llama"},
                      {"compatibility_type", kKnownFormat},
                      {"quantization", model.quantization},
                      {"state", "loaded"},
                      {"max_context_length", model.trained_context},
                      {"loaded_context_length", model.context_length}};
  json["capabilities"] = OrderedJson::array();
  if (model.takes_tools) json["capabilities"].push_back("tool_use");
  return json;
}

std::string ParamsString(uint64_t count) {
  const bool billions = count >= 1'000'000'000;
  return std::to_string(std::llround(static_cast<double>(count) / (billions ? 1e9 : 1e6))) + (billions ? "B" : "M");
}

OrderedJson CatalogEntry(const ServedModel& model) {
  const double bits =
      model.parameters == 0 ? 0 : 8.0 * static_cast<double>(model.bytes) / static_cast<double>(model.parameters);
  return {{"type", "llm"},
          {"publisher", "puna"},
          {"key", model.id},
          {"display_name", model.id},
          {"architecture", "llama"},
          {"quantization", {{"name", model.quantization}, {"bits_per_weight", std::llround(bits)}}},
          {"size_bytes", model.bytes},
          {"params_string", ParamsString(model.parameters)},
          {"loaded_instances",
           OrderedJson::array({{{"id", model.id}, {"config", {{"context_length", model.context_length}}}}})},
          {"max_context_length", model.trained_context},
          {"format", kKnownFormat},
          {"capabilities", {{"vision", false}, {"trained_for_tool_use", model.takes_tools}}},
          {"description", nullptr}};
}

}  // namespace

std::string LlamaPropsJson(const LlamaProps& props) {
  const bool chats = !props.chat_template.empty();
  const OrderedJson params = {{"temperature", props.temperature},
                              {"top_k", props.top_k},
                              {"top_p", props.top_p},
                              {"min_p", props.min_p},
                              {"n_predict", -1}};
  return Dump(OrderedJson{{"default_generation_settings", {{"n_ctx", props.context_length}, {"params", params}}},
                          {"total_slots", props.slots},
                          {"model_alias", props.model_alias},
                          {"model_path", ""},  // of this machine, and nobody else's business
                          {"chat_template", props.chat_template},
                          {"chat_template_caps", {{"supports_tools", chats}, {"supports_system_role", chats}}},
                          {"modalities", {{"vision", false}, {"audio", false}}},
                          {"bos_token", props.bos_token},
                          {"eos_token", props.eos_token},
                          {"build_info", props.build},
                          {"is_sleeping", false}});
}

std::string LlamaSlotsJson(int slots, int busy, int context_length) {
  OrderedJson list = OrderedJson::array();
  for (int i = 0; i < slots; ++i) {
    list.push_back(
        {{"id", i}, {"n_ctx", context_length}, {"is_processing", i < busy}, {"params", OrderedJson::object()}});
  }
  return Dump(list);
}

std::string LmStudioModelsJson(const std::vector<ServedModel>& models) {
  OrderedJson data = OrderedJson::array();
  for (const ServedModel& model : models) data.push_back(LmStudioEntry(model));
  return Dump(OrderedJson{{"object", "list"}, {"data", data}});
}

std::string LmStudioModelJson(const ServedModel& model) { return Dump(LmStudioEntry(model)); }

std::string LmStudioCatalogJson(const std::vector<ServedModel>& models) {
  OrderedJson list = OrderedJson::array();
  for (const ServedModel& model : models) list.push_back(CatalogEntry(model));
  return Dump(OrderedJson{{"models", list}});
}

}  // namespace puna::api
