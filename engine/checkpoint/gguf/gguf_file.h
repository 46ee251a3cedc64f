// GGUF versions 2 and 3: header, metadata, descriptions of tensors, data. Format: ggml's docs/gguf.md.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/checkpoint/files/mapped_file.h"

namespace puna::engine {

struct GgufValue {
  enum class Kind { kInt, kFloat, kBool, kString, kStrings, kArray };
  Kind kind = Kind::kInt;
  int64_t number = 0;                     // kInt, kBool
  double real = 0;                        // kFloat
  std::string_view text;                  // kString; points into the file
  std::vector<std::string_view> strings;  // kStrings
  uint32_t element_type = 0;              // kArray
  std::span<const std::byte> elements;    // kArray; points into the file
};

struct GgufTensor {
  std::string name;
  std::vector<int64_t> shape;  // outermost first, as everywhere here (GGUF stores it the other way round)
  uint32_t type = 0;           // ggml_type
  std::span<const std::byte> bytes;
  std::shared_ptr<const MappedFile> file;
};

class GgufFile {
 public:
  // Every length is checked before it is used. Throws std::runtime_error with path, expected and found.
  explicit GgufFile(std::shared_ptr<const MappedFile> file);

  const std::shared_ptr<const MappedFile>& file() const { return file_; }
  const std::map<std::string, GgufTensor>& tensors() const { return tensors_; }
  bool Has(const std::string& key) const { return values_.count(key) > 0; }

  // Adds the tensors of another part of the same split model. Throws when they have one of ours.
  void Join(const GgufFile& part);

  // Metadata by key, of a type and in a range (inclusive); absent without a fallback: an error.
  int64_t Int(const std::string& key, int64_t low, int64_t high) const;
  int64_t Int(const std::string& key, int64_t low, int64_t high, int64_t fallback) const;
  double Number(const std::string& key, double low, double high, double fallback) const;
  bool Bool(const std::string& key, bool fallback) const;
  std::string String(const std::string& key, const std::string& fallback) const;
  std::span<const std::string_view> Strings(const std::string& key) const;  // absent: empty
  std::vector<int64_t> Ints(const std::string& key) const;                  // absent: empty

 private:
  const GgufValue* Find(const std::string& key) const;

  std::shared_ptr<const MappedFile> file_;
  std::map<std::string, GgufValue> values_;
  std::map<std::string, GgufTensor> tensors_;
};

}  // namespace puna::engine
