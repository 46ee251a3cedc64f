#include "api/endpoints/front_end_probes.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

namespace puna::api {
namespace {

using nlohmann::json;

const ServedModel kModel{.id = "m",
                         .context_length = 4096,
                         .trained_context = 131072,
                         .parameters = 3212749888,
                         .bytes = 1987000000,
                         .quantization = "w4a8",
                         .takes_tools = true};

TEST_CASE("LM Studio's list has what its clients refuse to do without") {
  const json list = json::parse(LmStudioModelsJson({kModel, {.id = "bare"}}));
  CHECK(list["object"] == "list");
  const json& entry = list["data"][0];
  CHECK(entry ==
        json::parse(
            R"({"id":"m","object":"model","type":"llm","publisher":"puna","arch":"llama","compatibility_type":"gguf",
          "quantization":"w4a8","state":"loaded","max_context_length":131072,"loaded_context_length":4096,
          "capabilities":["tool_use"]})"));
  CHECK(list["data"][1]["capabilities"] == json::array());
  CHECK(json::parse(LmStudioModelJson(kModel)) == entry);
}

TEST_CASE("LM Studio's catalogue") {
  const json model = json::parse(LmStudioCatalogJson({kModel}))["models"][0];
  CHECK(model["key"] == "m");
  CHECK(model["quantization"] == json{{"name", "w4a8"}, {"bits_per_weight", 5}});
  CHECK(model["params_string"] == "3B");
  CHECK(model["loaded_instances"][0]["config"]["context_length"] == 4096);
  CHECK(model["capabilities"]["trained_for_tool_use"] == true);
  const json empty = json::parse(LmStudioCatalogJson({{.id = "x", .parameters = 2900000}}))["models"][0];
  CHECK(empty["params_string"] == "3M");
  CHECK(empty["quantization"]["bits_per_weight"] == 0);
}

TEST_CASE("llama-server's properties and slots tell the window that is served, and no path and no text") {
  LlamaProps props;
  props.model_alias = "m";
  props.chat_template = "{{ \"x\" }}";
  props.bos_token = "<b>";
  props.eos_token = "<e>";
  props.build = "puna 1";
  props.context_length = 4096;
  props.slots = 4;
  props.top_k = 7;
  const json told = json::parse(LlamaPropsJson(props));
  CHECK(told["default_generation_settings"]["n_ctx"] == 4096);
  CHECK(told["default_generation_settings"]["params"]["top_k"] == 7);
  CHECK(told["total_slots"] == 4);
  CHECK(told["model_path"] == "");
  CHECK(told["chat_template"] == "{{ \"x\" }}");
  CHECK(told["chat_template_caps"]["supports_tools"] == true);
  CHECK(json::parse(LlamaPropsJson({}))["chat_template_caps"]["supports_tools"] == false);
  const json slots = json::parse(LlamaSlotsJson(3, 2, 4096));
  REQUIRE(slots.size() == 3);
  CHECK(slots[1] == json::parse(R"({"id":1,"n_ctx":4096,"is_processing":true,"params":{}})"));
  CHECK(slots[2]["is_processing"] == false);
  CHECK(LlamaSlotsJson(0, 0, 1) == "[]");
}

}  // namespace
}  // namespace puna::api
