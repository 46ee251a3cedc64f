#include "engine/checkpoint/foreign_files.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "engine/checkpoint/files/checkpoint_fault.h"
#include "engine/checkpoint/files/json_object.h"

namespace puna::engine {
namespace {

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

bool Contains(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

std::optional<JsonObject> ReadJson(const FileSet& files, const std::string& name) {
  if (!files.Has(name)) return std::nullopt;
  try {
    return JsonObject::Parse(files.Open(name)->bytes(), files.PathOf(name));
  } catch (const std::runtime_error&) {
    return std::nullopt;
  }
}

// By the shape, which few models share.
std::string FamilyByShape(const JsonObject& config) {
  const auto size = [&](const char* key) -> int64_t {
    try {
      return config.Int(key, 1, INT64_MAX, 0);
    } catch (const std::runtime_error&) {
      return 0;
    }
  };
  const std::pair<int64_t, int64_t> shape{size("hidden_size"), size("num_hidden_layers")};
  if (size("vocab_size") < 128256 || size("vocab_size") > 128512) return "";
  if (shape == std::pair<int64_t, int64_t>{2048, 16}) return "Llama-3.2-1B";
  if (shape == std::pair<int64_t, int64_t>{3072, 28}) return "Llama-3.2-3B";
  if (shape == std::pair<int64_t, int64_t>{4096, 32}) return "Llama-3.1-8B";
  if (shape == std::pair<int64_t, int64_t>{8192, 80}) return "Llama-3.3-70B";
  return "";
}

// By what people call files and folders: "llama3_2-3B-spinquant.pte".
std::string FamilyByName(const std::string& text) {
  std::string name = Lower(text);
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '_' || c == '-' || c == ' '; }, '.');
  const bool instruct = Contains(name, "instruct");
  for (const auto& [mark, family] : {std::pair{"llama3.2", "3.2"},
                                     {"llama.3.2", "3.2"},
                                     {"llama3.1", "3.1"},
                                     {"llama.3.1", "3.1"},
                                     {"llama3.3", "3.3"},
                                     {"llama.3.3", "3.3"}}) {
    if (!Contains(name, mark)) continue;
    for (const char* size : {"1b", "3b", "8b", "70b"}) {
      if (!Contains(name, (std::string(".") + size).c_str())) continue;
      std::string upper = size;
      upper.back() = 'B';
      return std::string("Llama-") + family + "-" + upper + (instruct ? "-Instruct" : "");
    }
  }
  return "";
}

struct Foreign {
  const char* ending;
  const char* what;
};

// One of the names that has this ending, in the folder or in onnx/.
std::string Find(const std::vector<std::string>& names, const std::string& ending) {
  for (const std::string& name : names) {
    if (Lower(name).ends_with(ending)) return name;
  }
  return "";
}

std::string Instead(const std::string& model) {
  return "download the safetensors of " + model + " from where its authors publish it, or a GGUF of it (" + model +
         "-Q4_K_M.gguf)";
}

[[noreturn]] void RefuseAdapter(const FileSet& files) {
  const std::optional<JsonObject> config = ReadJson(files, "adapter_config.json");
  const std::string base = config ? config->String("base_model_name_or_path", "") : "";
  const std::string named = base.empty() ? "the model that it was trained for" : Printable(base);
  Throw({.path = files.path(),
         .expected = "a whole model",
         .found = "a LoRA adapter alone",
         .remedy =
             "merge it into " + named + " (peft's merge_and_unload) and give the merged folder, or serve " + named});
}

}  // namespace

std::string ModelIn(const FileSet& files) {
  if (const std::optional<JsonObject> config = ReadJson(files, "config.json")) {
    const std::string shape = FamilyByShape(*config);
    if (!shape.empty()) return shape;
  }
  std::vector<std::string> texts = files.Names();
  texts.insert(texts.begin(), std::filesystem::path(files.path()).filename().string());
  for (const std::string& text : texts) {
    const std::string name = FamilyByName(text);
    if (!name.empty()) return name;
  }
  return "this model";
}

void RefuseForeignFiles(const FileSet& files) {
  if (files.Has("adapter_config.json") || files.Has("adapter_model.safetensors")) RefuseAdapter(files);
  constexpr Foreign kForeign[] = {
      {".pte", "a program for ExecuTorch (.pte)"},
      {".onnx", "an ONNX model"},
      {"openvino_model.xml", "an OpenVINO IR model"},
      {".task", "a MediaPipe task"},
      {".tflite", "a TensorFlow Lite model"},
      {".litertlm", "a LiteRT model"},
      {".mlpackage", "a Core ML model"},
      {".mlmodelc", "a Core ML model"},
      {".engine", "a TensorRT engine"},
      {".nemo", "a NeMo archive"},
      {".ggml", "a GGML file, from before GGUF"},
      {".bin", "pickled PyTorch weights (.bin), which may hold code that runs when they are read"},
      {".pt", "pickled PyTorch weights (.pt), which may hold code that runs when they are read"}};
  const std::vector<std::string> names = files.Names();
  for (const Foreign& foreign : kForeign) {
    if (Find(names, foreign.ending).empty()) continue;
    Throw({.path = files.path(),
           .expected = "safetensors, GGUF or Meta's .pth",
           .found = foreign.what,
           .remedy = Instead(ModelIn(files))});
  }
  if (std::find(names.begin(), names.end(), "onnx") != names.end()) {
    Throw({.path = files.path(),
           .expected = "safetensors, GGUF or Meta's .pth",
           .found = "an ONNX model (onnx/)",
           .remedy = Instead(ModelIn(files))});
  }
  // A folder that this user may not list has no names, either.
  std::error_code error;
  if (names.empty()) std::filesystem::directory_iterator(files.path(), error);
  if (error) {
    Throw({.path = files.path(),
           .expected = "a folder that can be read",
           .found = error.message(),
           .remedy = "let this user read it and what is in it, or serve another copy"});
  }
  Throw({.path = files.path(),
         .expected = "model.safetensors (Hugging Face), a .gguf file or consolidated.00.pth (Meta)",
         .found = names.empty() ? "an empty folder" : "none of them",
         .remedy = "give the folder that holds the model's files"});
}

}  // namespace puna::engine
