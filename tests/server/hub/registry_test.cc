#include "server/hub/registry.h"

#include <doctest/doctest.h>

#include "tests/support/temporary_folder.h"
#include "tests/support/throws.h"

namespace puna::server {
namespace {

using testing::TemporaryFolder;

using testing::MessageOf;

const std::string kA = "sha256:" + std::string(64, 'a'), kB = "sha256:" + std::string(64, 'b');

std::string Layer(const std::string& media, const std::string& digest, const std::string& more = "") {
  return R"({"mediaType": ")" + media + R"(", "digest": ")" + digest + R"(", "size": 3)" + more + "}";
}
std::string Manifest_(const std::string& layers) { return R"({"schemaVersion": 2, "layers": [)" + layers + "]}"; }

Manifest Read(const std::string& layers, const std::string& name = "ollama:llama3.2:3b") {
  return ReadManifest(Manifest_(layers), *ParseModelName(name));
}

const std::string kOllama = "application/vnd.ollama.image.";

TEST_CASE("Ollama's manifest: the model, and what of it is not followed") {
  const Manifest m =
      Read(Layer(kOllama + "model", kA) + "," + Layer(kOllama + "template", kB) + "," + Layer(kOllama + "license", kB) +
           "," + Layer(kOllama + "params", kB) + "," + Layer(kOllama + "projector", kB));
  CHECK(m.layers == std::vector<Manifest::Layer>{{.digest = kA, .size = 3, .path = "llama3.2-3b.gguf"}});
  CHECK(m.notes.empty());
  CHECK(Read(Layer(kOllama + "model", kA) + "," + Layer(kOllama + "system", kB)).notes.size() == 1);
}

TEST_CASE("Docker Model Runner's manifest: parts in order, and files by their names") {
  const std::string docker = "application/vnd.docker.ai.";
  const Manifest parts = Read(Layer(docker + "gguf.v3", kA) + "," + Layer(docker + "gguf.v3", kB) + "," +
                                  Layer(docker + "license", kB) + "," + Layer(docker + "mmproj.gguf", kB),
                              "docker:ai/llama3.2");
  REQUIRE(parts.layers.size() == 2);
  CHECK(parts.layers[0].path == "llama3.2-00001-of-00002.gguf");
  CHECK(parts.layers[1].digest == kB);
  const Manifest files =
      Read(Layer(docker + "safetensors", kA, R"(, "annotations": {"org.cncf.model.filepath": "model.safetensors"})") +
               "," + Layer(docker + "model.file", kB, R"(, "annotations": {"org.cncf.model.filepath": "config.json"})"),
           "docker:ai/x");
  CHECK(files.layers[1].path == "config.json");
}

TEST_CASE("what is no model that can be run") {
  CHECK(MessageOf([] { Read(Layer(kOllama + "adapter", kA)); }).find("adapter") != std::string::npos);
  CHECK(MessageOf([] { Read(Layer(kOllama + "license", kA)); }).find("no weights") != std::string::npos);
  CHECK(MessageOf([] { Read(Layer(kOllama + "model", "sha256:12")); }).find("no sha256") != std::string::npos);
  CHECK(MessageOf([] { Read(Layer(kOllama + "model", "sha256:" + std::string(63, 'a') + "/")); }).find("no sha256") !=
        std::string::npos);
  CHECK(MessageOf([] {
          Read(Layer("application/vnd.docker.ai.safetensors", kA,
                     R"(, "annotations": {"org.cncf.model.filepath": "../x"})"));
        }).find("no name that can be used") != std::string::npos);
  CHECK(MessageOf([] { ReadManifest("<html>", *ParseModelName("ollama:x")); }).find("no layers") != std::string::npos);
}

TEST_CASE("where a token is to be had") {
  CHECK(TokenUrl(
            R"(Bearer realm="https://auth.example/token",service="registry.example",scope="repository:ai/x:pull")") ==
        "https://auth.example/token?service=registry.example&scope=repository:ai/x:pull");
  CHECK(TokenUrl("Basic realm=\"x\"").empty());
  CHECK(TokenUrl("Bearer realm=\"file:///etc/passwd\"").empty());
}

TEST_CASE("Ollama's folder is read where it lies, and only when its blob is whole") {
  const TemporaryFolder ollama, own;
  HubSettings settings;
  settings.ollama_models = {ollama.path()};
  settings.store = own.path() + "/store";
  const ModelName name = *ParseModelName("ollama:llama3.2:3b");
  ollama.Write("manifests/registry.ollama.ai/library/llama3.2/3b", Manifest_(Layer(kOllama + "model", kA)));
  CHECK_FALSE(FindInRegistries(settings, name).has_value());
  ollama.Write("blobs/sha256-" + std::string(64, 'a'), "GG");
  CHECK_FALSE(FindInRegistries(settings, name).has_value());
  ollama.Write("blobs/sha256-" + std::string(64, 'a'), "GGU");
  const auto found = FindInRegistries(settings, name);
  REQUIRE(found.has_value());
  CHECK(found->path == settings.store + "/open/registry.ollama.ai/library/llama3.2/3b/llama3.2-3b.gguf");
  CHECK(std::filesystem::file_size(found->path) == 3);
  CHECK(NamesIn(ollama.path()) == std::vector<ModelName>{name});
  // Where nothing can be written, the blob itself is opened.
  settings.store = "/proc/none";
  CHECK(FindInRegistries(settings, name)->path == ollama.path() + "/blobs/sha256-" + std::string(64, 'a'));
}

TEST_CASE("removing a name takes the blobs that no other name needs") {
  const TemporaryFolder own;
  HubSettings settings;
  settings.store = own.path();
  own.Write("manifests/registry.ollama.ai/library/x/a", Manifest_(Layer(kOllama + "model", kA)));
  own.Write("manifests/registry.ollama.ai/library/x/b", Manifest_(Layer(kOllama + "model", kA)));
  own.Write("blobs/sha256-" + std::string(64, 'a'), "GGU");
  CHECK(RemoveName(settings, *ParseModelName("ollama:x:a")) == 0);
  CHECK(own.Has("blobs/sha256-" + std::string(64, 'a')));
  CHECK(RemoveName(settings, *ParseModelName("ollama:x:b")) == 3);
  CHECK_FALSE(own.Has("blobs/sha256-" + std::string(64, 'a')));
}

}  // namespace
}  // namespace puna::server
