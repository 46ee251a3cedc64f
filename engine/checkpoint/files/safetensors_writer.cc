#include "engine/checkpoint/files/safetensors_writer.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <nlohmann/json.hpp>

#include "engine/base/check.h"
#include "engine/checkpoint/files/checkpoint_fault.h"

namespace puna::engine {
namespace {

using nlohmann::ordered_json;

// A file under a temporary name until all of it is there.
class WholeFile {
 public:
  explicit WholeFile(const std::string& path) : path_(path), out_(path + ".partial", std::ios::binary) {}

  void Write(std::span<const std::byte> bytes) {
    out_.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }
  void Finish() {
    out_.close();
    std::error_code error;
    if (out_) std::filesystem::rename(path_ + ".partial", path_, error);
    if (out_ && !error) return;
    Throw({.path = path_,
           .expected = "a file that can be written",
           .found = error ? error.message() : std::strerror(errno),
           .remedy = "check the folder's permissions and the space left on the disk"});
  }

 private:
  std::string path_;
  std::ofstream out_;
};

}  // namespace

void WriteSafetensors(const std::string& path, std::span<const TensorToWrite> tensors,
                      const std::map<std::string, std::string>& metadata) {
  ordered_json header = {{"__metadata__", metadata}};
  size_t at = 0;
  for (const TensorToWrite& tensor : tensors) {
    PUNA_CHECK(ElementCount(tensor.shape) * static_cast<int64_t>(SizeOf(tensor.dtype)) ==
               static_cast<int64_t>(tensor.bytes.size()))
        << tensor.name;
    header[tensor.name] = {
        {"dtype", NameOf(tensor.dtype)}, {"shape", tensor.shape}, {"data_offsets", {at, at + tensor.bytes.size()}}};
    at += tensor.bytes.size();
  }
  std::string text = header.dump(-1, ' ', true);
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const uint64_t length = text.size();
  WholeFile file(path);
  file.Write(std::as_bytes(std::span(&length, 1)));
  file.Write(std::as_bytes(std::span(text)));
  for (const TensorToWrite& tensor : tensors) file.Write(tensor.bytes);
  file.Finish();
}

void WriteWholeFile(const std::string& path, const std::string& text) {
  WholeFile file(path);
  file.Write(std::as_bytes(std::span(text)));
  file.Finish();
}

std::string SafetensorsIndexJson(const std::map<std::string, std::string>& shard_of, int64_t total_bytes) {
  const ordered_json json = {{"metadata", {{"total_size", total_bytes}}}, {"weight_map", shard_of}};
  return json.dump(2) + "\n";
}

}  // namespace puna::engine
