// The models by name that are on this machine, and taking them away.
#pragma once

#include <cstdint>
#include <ctime>
#include <string>
#include <vector>

#include "server/hub/hub_settings.h"
#include "server/hub/model_name.h"

namespace puna::server {

struct ListedModel {
  ModelName name;
  int64_t bytes = 0;
  std::time_t modified = 0;
  std::string place;  // the cache that it lies in
  bool ours = true;   // false: another program's, which we read and leave alone
};

// Of Hugging Face's cache, our own folder and Ollama's, by name.
std::vector<ListedModel> ListModels(const HubSettings& settings);

// Takes a model away, and what of it was half fetched. Gives the bytes that became free. Throws std::runtime_error where there is
// none, or where it is another program's.
int64_t RemoveModel(const HubSettings& settings, const ModelName& name);

}  // namespace puna::server
