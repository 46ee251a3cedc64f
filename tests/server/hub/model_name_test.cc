#include "server/hub/model_name.h"

#include <doctest/doctest.h>

#include "tests/support/throws.h"

namespace puna::server {
namespace {

using testing::MessageOf;

using Hub = ModelName::Hub;

ModelName Hf(const std::string& repo, const std::string& revision = "main", const std::string& tag = "") {
  return {.hub = Hub::kHuggingFace, .host = "", .repo = repo, .revision = revision, .tag = tag};
}
ModelName Other(Hub hub, const std::string& host, const std::string& repo, const std::string& tag) {
  return {.hub = hub, .host = host, .repo = repo, .revision = "", .tag = tag};
}

TEST_CASE("names of Hugging Face in all their spellings") {
  CHECK(ParseModelName("hf:unsloth/Llama-3.2-3B-Instruct") == Hf("unsloth/Llama-3.2-3B-Instruct"));
  CHECK(ParseModelName("hf:a/b:Q4_K_M") == Hf("a/b", "main", "Q4_K_M"));
  CHECK(ParseModelName("hf.co/a/b:q8_0") == Hf("a/b", "main", "q8_0"));
  CHECK(ParseModelName("huggingface.co/a/b") == Hf("a/b"));
  CHECK(ParseModelName("hf:a/b@v1.0:Q4_0") == Hf("a/b", "v1.0", "Q4_0"));
  CHECK(ParseModelName("hf:a/b:Q4_0@v1.0") == Hf("a/b", "v1.0", "Q4_0"));
  CHECK(ParseModelName("hf:a/b@refs/pr/3") == Hf("a/b", "refs/pr/3"));
  CHECK(ParseModelName("hf:gpt2") == Hf("gpt2"));
  CHECK(ParseModelName("https://huggingface.co/a/b") == Hf("a/b"));
  CHECK(ParseModelName("https://huggingface.co/a/b/tree/main") == Hf("a/b"));
  CHECK(ParseModelName("https://huggingface.co/a/b/blob/dev/x-Q4_0.gguf?download=true") ==
        Hf("a/b", "dev", "x-Q4_0.gguf"));
  CHECK(ParseModelName("ollama:hf.co/a/b:Q4_K_M") == Hf("a/b", "main", "Q4_K_M"));
}

TEST_CASE("names of Ollama's and of OCI registries") {
  CHECK(ParseModelName("ollama:llama3.2:3b") == Other(Hub::kOllama, "registry.ollama.ai", "library/llama3.2", "3b"));
  CHECK(ParseModelName("ollama:llama3.2") == Other(Hub::kOllama, "registry.ollama.ai", "library/llama3.2", "latest"));
  CHECK(ParseModelName("ollama:me/mine:x") == Other(Hub::kOllama, "registry.ollama.ai", "me/mine", "x"));
  CHECK(ParseModelName("ollama:127.0.0.1:99/a/b:c") == Other(Hub::kOllama, "127.0.0.1:99", "a/b", "c"));
  CHECK(ParseModelName("docker:ai/llama3.2") == Other(Hub::kOci, "registry-1.docker.io", "ai/llama3.2", "latest"));
  CHECK(ParseModelName("docker:llama3.2") == Other(Hub::kOci, "registry-1.docker.io", "ai/llama3.2", "latest"));
  CHECK(ParseModelName("oci://docker.io/ai/x:3B") == Other(Hub::kOci, "registry-1.docker.io", "ai/x", "3B"));
  CHECK(ParseModelName("oci://h.example:5000/a/b/c:t") == Other(Hub::kOci, "h.example:5000", "a/b/c", "t"));
  CHECK(ParseModelName("oci://h.example/a@sha256:12ab") == Other(Hub::kOci, "h.example", "a", "sha256:12ab"));
}

TEST_CASE("what is a path is none") {
  for (const char* path : {"", "/models/x", "models", "./hf", "a/b", "random:llama-3.2-3b", "x.gguf", "hf"}) {
    CHECK_FALSE(ParseModelName(path).has_value());
  }
}

TEST_CASE("half a name is an error that shows a whole one") {
  for (const char* bad :
       {"hf:", "hf:a/b/c", "hf:a//b", "hf:../b", "hf:a/..", "hf:a/b:", "hf:a/b@..", "hf:a b/c", "hf:a/b:x/../../y"}) {
    CAPTURE(bad);
    CHECK(MessageOf([&] { ParseModelName(bad); }).find("expected hf:ORG/NAME") != std::string::npos);
  }
  for (const char* bad : {"ollama:", "ollama:a/../b", "ollama:a:b c"}) {
    CHECK(MessageOf([&] { ParseModelName(bad); }).find("expected ollama:NAME") != std::string::npos);
  }
  for (const char* bad : {"oci://", "oci://justahost", "oci://a/b"}) {
    CHECK(MessageOf([&] { ParseModelName(bad); }).find("expected oci://HOST") != std::string::npos);
  }
}

TEST_CASE("a name's text gives the same name, and clients call it without the hub") {
  for (const char* text : {"hf:a/b", "hf:a/b@dev", "hf:a/b@dev:Q4_K_M", "ollama:llama3.2:3b", "ollama:me/mine:latest",
                           "oci://docker.io/ai/x:3B", "oci://h.example:5000/a/b:t", "oci://h.example/a@sha256:12ab"}) {
    CAPTURE(text);
    CHECK(ParseModelName(text)->Text() == text);
  }
  CHECK(ParseModelName("hf:a/b@dev:Q4_K_M")->ServedName() == "a/b:Q4_K_M");
  CHECK(ParseModelName("ollama:llama3.2:3b")->ServedName() == "llama3.2:3b");
}

TEST_CASE("what is neither file nor name is told how to be named") {
  CHECK(UnknownModelText("unsloth/Llama-3.2-3B-Instruct").find("did you mean hf:unsloth/Llama-3.2-3B-Instruct?") !=
        std::string::npos);
  CHECK(UnknownModelText("llama3.2:3b").find("did you mean ollama:llama3.2:3b?") != std::string::npos);
  CHECK(UnknownModelText("llama").find("hf:ORG/NAME") != std::string::npos);
}

}  // namespace
}  // namespace puna::server
