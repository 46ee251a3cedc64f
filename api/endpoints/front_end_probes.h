// What front ends ask a server of llama.cpp's or LM Studio's kind before they talk to it, and what both answer. Sources:
// llama.cpp, tools/server/README.md; LM Studio, docs/developer/rest and its clients.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace puna::api {

struct ServedModel {
  std::string id;
  int context_length = 0;   // of what is served: prompt and answer
  int trained_context = 0;  // that the model was made for
  uint64_t parameters = 0;
  uint64_t bytes = 0;             // of its weights
  std::string quantization = {};  // how they are kept
  bool takes_tools = false;
};

// GET /props.
struct LlamaProps {
  std::string model_alias, chat_template, bos_token, eos_token, build;
  int context_length = 0, slots = 0;
  double temperature = 1, top_p = 1, min_p = 0;
  int top_k = 0;
};
std::string LlamaPropsJson(const LlamaProps& props);

// GET /slots: no text and no parameter of anybody's request is in it.
std::string LlamaSlotsJson(int slots, int busy, int context_length);

// GET /api/v0/models and /api/v0/models/{id}.
std::string LmStudioModelsJson(const std::vector<ServedModel>& models);
std::string LmStudioModelJson(const ServedModel& model);
// GET /api/v1/models, of LM Studio 0.4 and later.
std::string LmStudioCatalogJson(const std::vector<ServedModel>& models);

}  // namespace puna::api
