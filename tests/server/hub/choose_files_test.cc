#include "server/hub/choose_files.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/support/throws.h"

namespace puna::server {
namespace {

using testing::MessageOf;

std::vector<HubFile> Files(const std::vector<std::string>& paths) {
  std::vector<HubFile> files;
  for (const std::string& path : paths) files.push_back({.path = path, .size = 1, .etag = "e", .is_sha256 = true});
  return files;
}

std::vector<std::string> Choose(const std::vector<std::string>& paths, const std::string& tag = "",
                                const std::string& index = "") {
  const Choice choice = ChooseFiles(Files(paths), tag, "org/repo", [&](const HubFile&) { return index; });
  std::vector<std::string> chosen;
  for (const HubFile& file : choice.files) chosen.push_back(file.path);
  if (!choice.open.empty()) CHECK(choice.open == chosen.front());
  return chosen;
}

using Paths = std::vector<std::string>;

// As bartowski, unsloth, TheBloke and lmstudio-community lay their repositories out.
const Paths kGguf = {"README.md",
                     ".gitattributes",
                     "Llama-3.2-3B-Instruct.imatrix",
                     "Llama-3.2-3B-Instruct-imatrix.gguf",
                     "mmproj-F16.gguf",
                     "mtp-Llama-3.2-3B-Instruct-Q4_K_M.gguf",
                     "Llama-3.2-3B-Instruct-IQ3_M.gguf",
                     "Llama-3.2-3B-Instruct-IQ4_XS.gguf",
                     "Llama-3.2-3B-Instruct-Q3_K_L.gguf",
                     "Llama-3.2-3B-Instruct-Q4_0.gguf",
                     "Llama-3.2-3B-Instruct-Q4_K_L.gguf",
                     "Llama-3.2-3B-Instruct-Q4_K_M.gguf",
                     "Llama-3.2-3B-Instruct-Q4_K_S.gguf",
                     "Llama-3.2-3B-Instruct-UD-Q4_K_XL.gguf",
                     "Llama-3.2-3B-Instruct-Q8_0.gguf",
                     "Llama-3.2-3B-Instruct-BF16.gguf",
                     "f16/Llama-3.2-3B-Instruct-f16.gguf",
                     "Q6_K/big-Q6_K-00001-of-00003.gguf",
                     "Q6_K/big-Q6_K-00002-of-00003.gguf",
                     "Q6_K/big-Q6_K-00003-of-00003.gguf"};

TEST_CASE("a GGUF by its quantisation, as whole words and without case") {
  const std::string stem = "Llama-3.2-3B-Instruct-";
  CHECK(Choose(kGguf, "Q4_K_M") == Paths{stem + "Q4_K_M.gguf"});
  CHECK(Choose(kGguf, "q4_k_m") == Paths{stem + "Q4_K_M.gguf"});
  CHECK(Choose(kGguf, "Q4_0") == Paths{stem + "Q4_0.gguf"});
  CHECK(Choose(kGguf, "BF16") == Paths{stem + "BF16.gguf"});
  CHECK(Choose(kGguf, "F16") == Paths{"f16/" + stem + "f16.gguf"});
  CHECK(Choose(kGguf, "Q4_K_XL") == Paths{stem + "UD-Q4_K_XL.gguf"});
  CHECK(Choose(kGguf, "UD-Q4_K_XL") == Paths{stem + "UD-Q4_K_XL.gguf"});
  CHECK(Choose({"model.Q4_K_M.gguf", "model.Q5_0.gguf"}, "Q5_0") == Paths{"model.Q5_0.gguf"});
  CHECK(Choose({"a/UD-Q4_K_M.gguf", "Q4_K_M.gguf"}, "Q4_K_M") == Paths{"Q4_K_M.gguf"});
}

TEST_CASE("without a quantisation Q4_K_M, else Q8_0, else the first by name") {
  CHECK(Choose(kGguf) == Paths{"Llama-3.2-3B-Instruct-Q4_K_M.gguf"});
  CHECK(Choose({"x-Q5_0.gguf", "x-Q8_0.gguf", "x-F16.gguf"}) == Paths{"x-Q8_0.gguf"});
  CHECK(Choose({"z-Q5_0.gguf", "b-Q3_K_L.gguf"}) == Paths{"b-Q3_K_L.gguf"});
  CHECK(Choose({"only.gguf", "config.json", "mmproj-only.gguf"}) == Paths{"only.gguf"});
}

TEST_CASE("a file by its name, with or without ending and folder") {
  CHECK(Choose(kGguf, "Llama-3.2-3B-Instruct-IQ4_XS.gguf") == Paths{"Llama-3.2-3B-Instruct-IQ4_XS.gguf"});
  CHECK(Choose(kGguf, "Llama-3.2-3B-Instruct-IQ4_XS") == Paths{"Llama-3.2-3B-Instruct-IQ4_XS.gguf"});
  CHECK(Choose(kGguf, "f16/Llama-3.2-3B-Instruct-f16.gguf") == Paths{"f16/Llama-3.2-3B-Instruct-f16.gguf"});
}

TEST_CASE("a split GGUF comes whole, or not at all") {
  const Paths whole = {"Q6_K/big-Q6_K-00001-of-00003.gguf", "Q6_K/big-Q6_K-00002-of-00003.gguf",
                       "Q6_K/big-Q6_K-00003-of-00003.gguf"};
  CHECK(Choose(kGguf, "Q6_K") == whole);
  CHECK(Choose(kGguf, "big-Q6_K-00002-of-00003.gguf") == whole);
  Paths torn = kGguf;
  std::erase(torn, whole[1]);
  CHECK(MessageOf([&] { Choose(torn, "Q6_K"); }).find("lacks Q6_K/big-Q6_K-00002-of-00003.gguf") != std::string::npos);
}

TEST_CASE("a quantisation that is not there is told which are") {
  for (const char* tag : {"Q4_K", "Q5_K_M", "K_M", "Q4", "XS"}) {
    CAPTURE(tag);
    const std::string message = MessageOf([&] { Choose(kGguf, tag); });
    CHECK(message.find("BF16, IQ3_M, IQ4_XS, Q3_K_L, Q4_0, Q4_K_L, Q4_K_M, Q4_K_S, Q6_K, Q8_0, UD-Q4_K_XL, f16") !=
          std::string::npos);
  }
  CHECK(MessageOf([&] {
          Choose({"config.json", "model.safetensors"}, "Q4_0");
        }).find("has no GGUF files") != std::string::npos);
}

TEST_CASE("safetensors with configuration and tokenizer, and nothing else") {
  CHECK(Choose({"README.md", "config.json", "generation_config.json", "model.safetensors",
                "original/consolidated.00.pth", "original/params.json", "pytorch_model.bin", "special_tokens_map.json",
                "tokenizer.json", "tokenizer_config.json", "onnx/model.onnx", "tf_model.h5", "flax_model.msgpack",
                "chat_template.jinja"}) == Paths{"config.json", "generation_config.json", "special_tokens_map.json",
                                                 "tokenizer.json", "tokenizer_config.json", "chat_template.jinja",
                                                 "model.safetensors"});
}

TEST_CASE("of shards those that the index names") {
  const Paths files = {"config.json",
                       "model-00001-of-00002.safetensors",
                       "model-00002-of-00002.safetensors",
                       "consolidated.safetensors",
                       "model.safetensors.index.json",
                       "tokenizer.json"};
  const std::string index =
      R"({"weight_map": {"a": "model-00002-of-00002.safetensors", "b": "model-00001-of-00002.safetensors"}})";
  CHECK(Choose(files, "", index) == Paths{"config.json", "model.safetensors.index.json", "tokenizer.json",
                                          "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"});
  CHECK(MessageOf([&] {
          Choose(files, "", R"({"weight_map": {"a": "gone.safetensors"}})");
        }).find("names gone.safetensors") != std::string::npos);
  CHECK(MessageOf([&] { Choose(files, "", "<html>"); }).find("expected a weight_map") != std::string::npos);
}

TEST_CASE("safetensors before GGUF where there is both, unless a quantisation is asked for") {
  const Paths both = {"config.json", "model.safetensors", "tokenizer.json", "model-Q8_0.gguf"};
  CHECK(Choose(both) == Paths{"config.json", "tokenizer.json", "model.safetensors"});
  CHECK(Choose(both, "Q8_0") == Paths{"model-Q8_0.gguf"});
}

TEST_CASE("Meta's own files where there is nothing else") {
  CHECK(Choose({"README.md", "consolidated.00.pth", "params.json", "tokenizer.model"}) ==
        Paths{"params.json", "tokenizer.model", "consolidated.00.pth"});
}

TEST_CASE("what is no model is told by what it is") {
  const auto told = [](const Paths& files) { return MessageOf([&] { Choose(files); }); };
  CHECK(told({"adapter_config.json", "adapter_model.safetensors"}).find("an adapter (LoRA) alone") !=
        std::string::npos);
  CHECK(told({"config.json", "pytorch_model.bin"}).find("pickled weights alone") != std::string::npos);
  CHECK(told({"config.json", "model.onnx"}).find("ONNX") != std::string::npos);
  CHECK(told({"README.md"}).find("found none") != std::string::npos);
}

TEST_CASE("a path stays below its folder") {
  for (const char* path : {"a", "a/b.c", "a b", "\xc3\xa4.gguf", "..a", "%2F"}) CHECK(IsSafePath(path));
  for (const std::string& path : {std::string(), std::string("/a"), std::string("../a"), std::string("a/../b"),
                                  std::string("a//b"), std::string("a/."), std::string("a\\b"), std::string("a\0b", 3),
                                  std::string("a\nb"), std::string(300, 'x'), std::string("a/")}) {
    CHECK_FALSE(IsSafePath(path));
  }
}

}  // namespace
}  // namespace puna::server
