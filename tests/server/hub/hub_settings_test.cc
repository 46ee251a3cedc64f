#include "server/hub/hub_settings.h"

#include <doctest/doctest.h>

#include <map>

#include "tests/support/temporary_folder.h"
#include "tests/support/throws.h"

namespace puna::server {
namespace {

using testing::TemporaryFolder;

HubSettings Read(std::map<std::string, std::string> variables) {
  variables.emplace("HOME", "/home/u");
  return ReadHubSettings([&](const std::string& name) { return variables[name]; });
}

TEST_CASE("defaults are those of the tools themselves") {
  const HubSettings s = Read({});
  CHECK(s.endpoint == "https://huggingface.co");
  CHECK(s.token.empty());
  CHECK(s.hf_cache == "/home/u/.cache/huggingface/hub");
  CHECK(s.more_hf_caches.empty());
  CHECK(s.llama_cache == "/home/u/.cache/llama.cpp");
  CHECK(s.ollama_models == std::vector<std::string>{"/home/u/.ollama/models", "/usr/share/ollama/.ollama/models"});
  CHECK(s.store == "/home/u/.cache/puna/models");
  CHECK_FALSE(s.offline);
}

TEST_CASE("each folder by its variable, the more special one first") {
  CHECK(Read({{"XDG_CACHE_HOME", "/x"}}).hf_cache == "/x/huggingface/hub");
  CHECK(Read({{"HF_HOME", "~/hf"}, {"XDG_CACHE_HOME", "/x"}}).hf_cache == "/home/u/hf/hub");
  CHECK(Read({{"HUGGINGFACE_HUB_CACHE", "/old"}, {"HF_HOME", "/hf"}}).hf_cache == "/old");
  CHECK(Read({{"HF_HUB_CACHE", "/new"}, {"HUGGINGFACE_HUB_CACHE", "/old"}}).hf_cache == "/new");
  CHECK(Read({{"LLAMA_CACHE", "/l"}}).more_hf_caches == std::vector<std::string>{"/l"});
  CHECK(Read({{"OLLAMA_MODELS", "/o"}}).ollama_models == std::vector<std::string>{"/o"});
  CHECK(Read({{"HF_ENDPOINT", "https://mirror.example/"}}).endpoint == "https://mirror.example");
}

TEST_CASE("the token: of the variable, else of the file that a login wrote") {
  const TemporaryFolder home;
  home.Write("token", "hf_file\n");
  CHECK(Read({{"HF_HOME", home.path()}}).token == "hf_file");
  CHECK(Read({{"HF_TOKEN", " hf_variable\n"}, {"HF_HOME", home.path()}}).token == "hf_variable");
  CHECK(Read({{"HF_HUB_DISABLE_IMPLICIT_TOKEN", "1"}, {"HF_HOME", home.path()}}).token.empty());
  home.Write("other", "hf_other");
  CHECK(Read({{"HF_TOKEN_PATH", home.path() + "/other"}}).token == "hf_other");
  CHECK(testing::MessageOf([] { Read({{"HF_TOKEN", "two\nlines"}}); }).find("HF_TOKEN: expected") != std::string::npos);
}

TEST_CASE("switches, times and certificates") {
  CHECK(Read({{"SSL_CERT_FILE", "/ca.pem"}, {"CURL_CA_BUNDLE", "/other"}}).certificates == "/ca.pem");
  CHECK(Read({}).certificates.empty());
  for (const char* on : {"1", "true", "YES", "on"}) CHECK(Read({{"HF_HUB_OFFLINE", on}}).offline);
  CHECK(Read({{"TRANSFORMERS_OFFLINE", "1"}}).offline);
  CHECK_FALSE(Read({{"HF_HUB_OFFLINE", "0"}}).offline);
  CHECK(Read({{"HF_HUB_DOWNLOAD_TIMEOUT", "3"}}).silence_seconds == 3);
  for (const char* bad : {"0", "-1", "x", "1.5"}) {
    CHECK(testing::MessageOf([&] {
            Read({{"HF_HUB_ETAG_TIMEOUT", bad}});
          }).find("expected seconds") != std::string::npos);
  }
}

}  // namespace
}  // namespace puna::server
