// Where models come from and where they lie, by the variables that Hugging Face's, llama.cpp's and Ollama's own tools read.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace puna::server {

struct HubSettings {
  std::string endpoint;                     // HF_ENDPOINT, without a slash at the end
  std::string token;                        // HF_TOKEN, else the file of huggingface-cli login; may be empty
  std::string hf_cache;                     // HF_HUB_CACHE: where models of Hugging Face are kept
  std::vector<std::string> more_hf_caches;  // of the same layout, and only read: LLAMA_CACHE
  std::string llama_cache;                  // flat files ORG_NAME_FILE.gguf of older llama.cpp, only read
  std::vector<std::string> ollama_models;   // Ollama's folders, only read
  std::string store;                        // where models of registries are kept, in Ollama's layout
  bool offline = false;                     // HF_HUB_OFFLINE, TRANSFORMERS_OFFLINE
  std::string certificates;                 // SSL_CERT_FILE, CURL_CA_BUNDLE: whom to trust; empty: whom the system does
  int answer_seconds = 10;                  // HF_HUB_ETAG_TIMEOUT: to connect, and for an answer that describes
  int silence_seconds = 10;                 // HF_HUB_DOWNLOAD_TIMEOUT: between two bytes of a file
};

// `variable` gives the value of one of the environment; empty: it is not set.
using Variable = std::function<std::string(const std::string& name)>;
// Throws std::runtime_error where a number is none, or no folder can be told.
HubSettings ReadHubSettings(const Variable& variable);
HubSettings ReadHubSettings();  // this process's environment

}  // namespace puna::server
