#include "server/commands/models.h"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <stdexcept>

#include "server/host/machine_limits.h"
#include "server/hub/fetch_blob.h"
#include "server/hub/fetch_model.h"
#include "server/hub/fetch_progress.h"
#include "server/hub/list_models.h"
#include "server/hub/locate_model.h"
#include "server/model/load_model.h"

namespace puna::server {
namespace {

void ToStderr(const std::string& line) { std::fprintf(stderr, "puna: %s\n", line.c_str()); }

ModelName NameOf(const std::string& text, const std::string& command) {
  if (text.empty()) {
    throw std::runtime_error(command + ": a model's name is missing, as in puna " + command +
                             " hf:bartowski/Llama-3.2-3B-Instruct-GGUF:Q4_K_M");
  }
  const std::optional<ModelName> name = ParseModelName(text);
  if (!name) throw std::runtime_error(command + ": " + UnknownModelText(text));
  return *name;
}

std::string DateText(std::time_t time) {
  char text[32] = "";
  std::tm local{};
  if (localtime_r(&time, &local) != nullptr) std::strftime(text, sizeof text, "%Y-%m-%d %H:%M", &local);
  return text;
}

int64_t BytesOf(const LocalModel& model) {
  int64_t bytes = 0;
  for (const HubFile& file : model.files) bytes += file.size;
  return bytes;
}

std::string Line(const std::string& name, const std::string& value) {
  return name + std::string(std::max<size_t>(14, name.size() + 1) - name.size(), ' ') + value + "\n";
}

// What its files say of it; that they cannot be served is said, too.
std::string Describe(const config::EngineConfig& config) {
  try {
    const ModelPlan plan = PlanModel(config);
    std::string text =
        Line("weights", plan.format + ", " + SizeText(static_cast<int64_t>(plan.weight_bytes)) + " in memory") +
        Line("context", std::to_string(plan.max_position) + " tokens") +
        Line("vocabulary", std::to_string(plan.vocab_size) + " tokens");
    for (const std::string& note : plan.notes) text += Line("note", note);
    return text;
  } catch (const std::runtime_error& error) {
    return Line("cannot serve", error.what());
  }
}

}  // namespace

int RunPull(const config::EngineConfig& config) {
  const ModelName name = NameOf(config.model, "pull");
  HubSettings settings = ReadHubSettings();
  settings.offline = settings.offline || config.offline;
  LocalModel model;
  {
    FetchProgress progress(ToStderr);
    FetchWatch watch;
    watch.say = [&](const std::string& line) { progress.Say(line); };
    watch.progress = [&](int64_t done, int64_t total) { progress.Tell(done, total); };
    const CheckSize check = [&](int64_t bytes, const std::vector<HubFile>& others) {
      const std::string why = WhyNotInMemory(bytes, config.weights, ReadMachineLimits().memory_left, others);
      if (!why.empty()) progress.Say("warning: this machine cannot serve it now: " + why);
    };
    model = FetchModel(settings, name, check, watch);
  }
  for (const std::string& note : model.notes) ToStderr("note: " + note);
  std::printf("%s: %s, in %s\n", name.Text().c_str(), SizeText(BytesOf(model)).c_str(), model.path.c_str());
  std::printf("puna serve --model %s\n", name.Text().c_str());
  return 0;
}

int RunList() {
  const std::vector<ListedModel> models = ListModels(ReadHubSettings());
  size_t width = 5;
  for (const ListedModel& model : models) width = std::max(width, model.name.Text().size());
  std::printf("%-*s  %9s  %-16s  %s\n", static_cast<int>(width), "MODEL", "SIZE", "MODIFIED", "PLACE");
  for (const ListedModel& model : models) {
    std::printf("%-*s  %9s  %-16s  %s\n", static_cast<int>(width), model.name.Text().c_str(),
                SizeText(model.bytes).c_str(), DateText(model.modified).c_str(), model.place.c_str());
  }
  if (models.empty()) std::fputs("puna pull hf:bartowski/Llama-3.2-3B-Instruct-GGUF:Q4_K_M fetches one\n", stderr);
  return 0;
}

int RunShow(config::EngineConfig config) {
  const std::string text = config.model;
  config.model = LocateOffline(text);
  std::string out = Line("model", text.empty() ? "the built-in demo model" : text);
  if (!config.model.empty()) out += Line("path", config.model);
  const std::optional<ModelName> name = config.model == text ? std::nullopt : ParseModelName(text);
  if (const auto found = name ? FindModel(ReadHubSettings(), *name) : std::nullopt) {
    out += Line("size", SizeText(BytesOf(*found)));
    for (const HubFile& file : found->files) out += Line("file", file.path + ", " + SizeText(file.size));
  }
  out += Describe(config);
  return std::fputs(out.c_str(), stdout), 0;
}

int RunRm(const std::vector<std::string>& names) {
  if (names.empty()) NameOf("", "rm");
  for (const std::string& text : names) {
    const int64_t freed = RemoveModel(ReadHubSettings(), NameOf(text, "rm"));
    std::printf("%s: %s are free\n", text.c_str(), SizeText(freed).c_str());
  }
  return 0;
}

}  // namespace puna::server
