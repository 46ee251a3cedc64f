#include "server/hub/hub_settings.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace puna::server {
namespace {

std::string Trimmed(const std::string& text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(" \t\r\n") + 1 - begin);
}

std::string Lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

// As huggingface_hub reads its switches.
bool IsOn(const std::string& text) {
  const std::string value = Lower(text);
  return value == "1" || value == "on" || value == "yes" || value == "true";
}

int Seconds(const Variable& variable, const std::string& name, int fallback) {
  const std::string text = variable(name);
  if (text.empty()) return fallback;
  int value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size() || value < 1 || value > 86400) {
    throw std::runtime_error("environment " + name + ": found \"" + text + "\", expected seconds, from 1 to 86400");
  }
  return value;
}

// "~/x" as a shell would have it, for variables that no shell has read.
std::string Expand(const std::string& path, const std::string& home) {
  return path == "~" || path.starts_with("~/") ? home + path.substr(1) : path;
}

std::string ReadToken(const Variable& variable, const std::string& hf_home, const std::string& home) {
  for (const char* name : {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"}) {
    if (const std::string token = Trimmed(variable(name)); !token.empty()) return token;
  }
  if (IsOn(variable("HF_HUB_DISABLE_IMPLICIT_TOKEN"))) return "";
  const std::string named = variable("HF_TOKEN_PATH");
  std::ifstream file(named.empty() ? hf_home + "/token" : Expand(named, home));
  return Trimmed({std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()});
}

void CheckToken(const std::string& token) {
  const bool good = std::ranges::all_of(token, [](unsigned char c) { return c > ' ' && c < 127; });
  if (!good) throw std::runtime_error("HF_TOKEN: expected printable characters without spaces; copy the token again");
}

}  // namespace

HubSettings ReadHubSettings(const Variable& variable) {
  const auto first = [&](const std::string& name, const std::string& fallback) {
    const std::string value = variable(name);
    return value.empty() ? fallback : Expand(value, variable("HOME"));
  };
  const std::string home = variable("HOME");
  const std::string cache = first("XDG_CACHE_HOME", home + "/.cache");
  const std::string hf_home = first("HF_HOME", cache + "/huggingface");
  HubSettings settings;
  settings.endpoint = first("HF_ENDPOINT", "https://huggingface.co");
  while (settings.endpoint.ends_with('/')) settings.endpoint.pop_back();
  settings.hf_cache = first("HF_HUB_CACHE", first("HUGGINGFACE_HUB_CACHE", hf_home + "/hub"));
  settings.token = ReadToken(variable, hf_home, home);
  CheckToken(settings.token);
  settings.llama_cache = first("LLAMA_CACHE", cache + "/llama.cpp");
  if (!variable("LLAMA_CACHE").empty()) settings.more_hf_caches = {settings.llama_cache};
  const std::string ollama = first("OLLAMA_MODELS", "");
  settings.ollama_models = {home + "/.ollama/models", "/usr/share/ollama/.ollama/models"};
  if (!ollama.empty()) settings.ollama_models = {ollama};
  settings.store = cache + "/puna/models";
  settings.certificates = first("SSL_CERT_FILE", first("CURL_CA_BUNDLE", first("REQUESTS_CA_BUNDLE", "")));
  settings.offline = IsOn(variable("HF_HUB_OFFLINE")) || IsOn(variable("TRANSFORMERS_OFFLINE"));
  settings.answer_seconds = Seconds(variable, "HF_HUB_ETAG_TIMEOUT", settings.answer_seconds);
  settings.silence_seconds = Seconds(variable, "HF_HUB_DOWNLOAD_TIMEOUT", settings.silence_seconds);
  return settings;
}

HubSettings ReadHubSettings() {
  return ReadHubSettings([](const std::string& name) {
    const char* value = std::getenv(name.c_str());
    return std::string(value == nullptr ? "" : value);
  });
}

}  // namespace puna::server
