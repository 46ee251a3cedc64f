// puna-packed.bin: a model exactly as the runtime holds it in memory, in one file that is mapped
// instead of loaded.
//
//   bytes 0..47: "PUNAPACK", version u32, 0 u32, header offset u64, header bytes u64, ContentHash
//   of the header u64, 0 u64 sections, each at a multiple of 4096 the header: JSON with the model's
//   configuration and the place, format and shape of every section
// All numbers are little endian. What a section holds is the business of
// engine/model/packed_llama.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/checkpoint/files/content_hash.h"
#include "engine/checkpoint/files/mapped_file.h"
#include "engine/checkpoint/sources/checkpoint.h"

namespace puna::engine {

inline constexpr char kPackedFileName[] = "puna-packed.bin";

// A file that the packed one was made from and lies beside.
struct PackedOrigin {
  std::string name;
  int64_t bytes = 0;
  int64_t modified_ns = 0;  // since 1970
  uint64_t hash = 0;        // ContentHash
};

struct PackedInfo {
  std::string name;          // of the model
  int layout = 0;            // kPackedLayout of who wrote it
  std::string weights;       // format of the layers: bf16, w8a8, w4a8
  std::string head_weights;  // of embedding and head
  ModelConfig config;
  GenerationConfig generation;
  Checkpoint::ActivationRule activation_rule = Checkpoint::ActivationRule::kSymmetric;
  bool online_hadamard_down_proj = false;
  std::optional<uint64_t> residual_rotation_seed;
  std::vector<PackedOrigin> origins;
};

// A matrix [outputs, inputs] in a weight format, or a vector (format "f32", one input).
struct PackedSection {
  std::string format;
  int64_t outputs = 0;
  int64_t inputs = 0;
  int64_t offset = 0;
  int64_t bytes = 0;
  std::optional<uint64_t> hash = std::nullopt;  // ContentHash; files of the first versions have none
};

// Writes to PATH.partial and renames it when all is there. Every function throws std::runtime_error
// when the disk refuses.
class PackedFileWriter {
 public:
  explicit PackedFileWriter(const std::string& path);
  ~PackedFileWriter();  // removes what is not finished
  PackedFileWriter(const PackedFileWriter&) = delete;

  // A section of these parts, each padded to a multiple of 64 bytes.
  void Add(const std::string& name, PackedSection section, std::span<const std::span<const std::byte>> parts);
  void Finish(const PackedInfo& info);

 private:
  void Write(std::span<const std::byte> bytes);
  void WriteHashed(std::span<const std::byte> bytes, PiecewiseHash& hasher);
  void PadTo(int64_t multiple);

  std::string path_;
  int fd_ = -1;
  int64_t offset_ = 0;
  std::map<std::string, PackedSection> sections_;
};

class PackedFile {
 public:
  // Maps the file and checks all of the header against it: a truncated, foreign or damaged file is
  // a std::runtime_error with path, expected, found and remedy. The sections' own bytes are not read here: Verify does.
  static std::shared_ptr<const PackedFile> Open(const std::string& path);

  const std::string& path() const { return file_->path(); }
  const PackedInfo& info() const { return info_; }
  bool Has(const std::string& name) const { return sections_.count(name) > 0; }
  const PackedSection& Section(const std::string& name) const;  // throws when it is missing
  std::span<const std::byte> Bytes(const PackedSection& section) const;
  std::vector<std::string> SectionNames() const;  // as they lie in the file
  // Reads the section and throws when its bytes are not those that were written. Thread-safe.
  void Verify(const std::string& name) const;
  const std::shared_ptr<const MappedFile>& file() const { return file_; }
  size_t num_sections() const { return sections_.size(); }

  // Throws when a file beside it is no longer the one that it was made from. Another date alone is
  // no difference, but then the contents have to be read.
  void CheckOrigins() const;

 private:
  PackedFile() = default;
  std::shared_ptr<const MappedFile> file_;
  PackedInfo info_;
  std::map<std::string, PackedSection> sections_;
};

// The weights and configurations that lie in `folder`: what a packed file there has to agree with.
std::vector<PackedOrigin> OriginsIn(const std::string& folder);

}  // namespace puna::engine
