// How people name a model that lies on a hub, and what that says.
#pragma once

#include <optional>
#include <string>

namespace puna::server {

struct ModelName {
  enum class Hub { kHuggingFace, kOllama, kOci };
  Hub hub = Hub::kHuggingFace;
  std::string host;      // of the registry, with its port; Hugging Face's is in HubSettings
  std::string repo;      // ORG/NAME
  std::string revision;  // Hugging Face: a branch, tag or commit
  std::string tag;       // Hugging Face: a quantisation or a file, or empty; registries: the tag, or sha256:...

  std::string Text() const;        // as it may be typed, in its shortest spelling
  std::string ServedName() const;  // what clients call it: unsloth/Llama-3.2-3B-Instruct, llama3.2:3b
  bool operator==(const ModelName&) const = default;
};

// Understands
//   hf:ORG/NAME[@REVISION][:QUANTISATION or FILE], hf.co/..., huggingface.co/..., and the address of a page there,
//   ollama:[HOST/][NAMESPACE/]NAME[:TAG],
//   oci://HOST/REPOSITORY[:TAG or @sha256:...], docker:[ORG/]NAME[:TAG].
// Nothing: it begins like none of these, so it is a path. Throws std::runtime_error where it begins like one and goes on wrong.
std::optional<ModelName> ParseModelName(const std::string& text);

// For a model that is neither a name of a hub nor a file that is there: one line with how to name it.
std::string UnknownModelText(const std::string& text);

}  // namespace puna::server
