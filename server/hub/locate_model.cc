#include "server/hub/locate_model.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <stdexcept>

#include "server/host/log.h"
#include "server/host/machine_limits.h"
#include "server/hub/fetch_blob.h"
#include "server/hub/fetch_model.h"
#include "server/hub/fetch_progress.h"

namespace puna::server {
namespace {

// None: it is a path, or there is nothing to find. A file that is there wins over a name.
std::optional<ModelName> NameIn(const std::string& model) {
  std::error_code error;
  if (model.empty() || model.starts_with("random:") || std::filesystem::exists(model, error)) return std::nullopt;
  std::optional<ModelName> name = ParseModelName(model);
  if (!name && std::string("/.~").find(model[0]) == std::string::npos)
    throw std::runtime_error(UnknownModelText(model));
  return name;
}

// The largest of the repository's other GGUF files that would fit.
std::string SmallerOne(int64_t most, const std::vector<HubFile>& others) {
  const HubFile* best = nullptr;
  for (const HubFile& file : others) {
    if (!file.path.ends_with(".gguf") || file.size > most || file.path.find("mmproj") != std::string::npos) continue;
    if (best == nullptr || file.size > best->size) best = &file;
  }
  return best == nullptr ? "" : QuantisationIn(best->path) + " (" + SizeText(best->size) + ")";
}

LocalModel Fetch(const HubSettings& settings, const ModelName& name, const CheckSize& check,
                 const std::function<void(double)>& told) {
  FetchProgress progress(LogInfo);
  FetchWatch watch;
  watch.say = [&](const std::string& line) { progress.Say(line); };
  watch.progress = [&](int64_t done, int64_t total) {
    progress.Tell(done, total);
    told(total > 0 ? static_cast<double>(done) / static_cast<double>(total) : 1);
  };
  return FindOrFetchModel(settings, name, check, watch);
}

}  // namespace

std::string WhyNotInMemory(int64_t bytes, const std::string& weights, int64_t memory_left,
                           const std::vector<HubFile>& others) {
  const double least = weights == "w4a8" ? 0.25 : weights == "w8a8" ? 0.5 : 1;
  const auto needed = static_cast<int64_t>(static_cast<double>(bytes) * least);
  if (needed <= memory_left) return "";
  const std::string smaller = SmallerOne(memory_left - memory_left / 8, others);
  std::string remedy = "; take a smaller model";
  if (!smaller.empty()) {
    remedy = "; of the same model " + smaller + " would fit: write it behind the colon";
  } else if (least > 0.25 && static_cast<double>(bytes) * 0.35 < static_cast<double>(memory_left)) {
    remedy =
        "; --weights w4a8 keeps them in about a third of it, if they are bf16 now, and a GGUF in Q4_K_M needs as "
        "little";
  }
  return "its weights need " + SizeText(needed) + " of memory at least, and " + SizeText(memory_left) + " are left" +
         remedy;
}

LocatedModel LocateModel(const config::EngineConfig& config, const std::function<void(double share)>& told) {
  const std::optional<ModelName> name = NameIn(config.model);
  if (!name) return {config.model, {}};
  HubSettings settings = ReadHubSettings();
  settings.offline = settings.offline || config.offline;
  const CheckSize check = [&](int64_t bytes, const std::vector<HubFile>& others) {
    const std::string why = WhyNotInMemory(bytes, config.weights, ReadMachineLimits().memory_left, others);
    if (!why.empty()) throw std::runtime_error(name->Text() + ": " + why + " (puna pull fetches it all the same)");
  };
  const LocalModel model = Fetch(settings, *name, check, told);
  for (const std::string& note : model.notes) LogWarning(name->Text() + ": " + note);
  LogInfo(name->Text() + " is " + model.path);
  std::vector<std::string> names = {name->ServedName()};
  for (const std::string& other : {name->Text(), config.model}) {
    if (std::ranges::find(names, other) == names.end()) names.push_back(other);
  }
  return {model.path, names};
}

std::string LocateFiles(const std::string& model) {
  const std::optional<ModelName> name = NameIn(model);
  if (!name) return model;
  return Fetch(
             ReadHubSettings(), *name, [](int64_t, const std::vector<HubFile>&) {}, [](double) {})
      .path;
}

std::string LocateOffline(const std::string& model) {
  const std::optional<ModelName> name = NameIn(model);
  if (!name) return model;
  if (const auto found = FindModel(ReadHubSettings(), *name)) return found->path;
  throw std::runtime_error(name->Text() + " is not on this machine; puna pull " + name->Text() + " fetches it");
}

}  // namespace puna::server
