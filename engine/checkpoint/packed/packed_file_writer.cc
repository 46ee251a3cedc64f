#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include <nlohmann/json.hpp>

#include "engine/base/check.h"
#include "engine/checkpoint/config/config_json.h"
#include "engine/checkpoint/files/checkpoint_fault.h"
#include "engine/checkpoint/files/content_hash.h"
#include "engine/checkpoint/packed/packed_file.h"
#include "engine/checkpoint/packed/packed_prefix.h"

namespace puna::engine {
namespace {

using nlohmann::ordered_json;

constexpr int64_t kPage = 4096;
constexpr int64_t kPartUnit = 64;

std::string Partial(const std::string& path) { return path + ".partial"; }

[[noreturn]] void ThrowErrno(const std::string& path) {
  Throw({.path = path,
         .expected = "a file that can be written",
         .found = std::strerror(errno),
         .remedy = "check the folder's permissions and the space left on the disk"});
}

// The zeros from `offset` to the next multiple.
std::span<const std::byte> Padding(int64_t offset, int64_t multiple) {
  static constexpr std::byte kZeros[kPage] = {};
  return std::span(kZeros).first(static_cast<size_t>((multiple - offset % multiple) % multiple));
}

ordered_json ToJson(const PackedInfo& info) {
  ordered_json origins = ordered_json::array();
  for (const PackedOrigin& origin : info.origins) {
    origins.push_back({{"name", origin.name},
                       {"bytes", origin.bytes},
                       {"modified_ns", origin.modified_ns},
                       {"hash", HashText(origin.hash)}});
  }
  ordered_json json = {{"name", info.name},
                       {"layout", info.layout},
                       {"weights", info.weights},
                       {"head_weights", info.head_weights},
                       {"config", ToJson(info.config)},
                       {"generation_config", ToJson(info.generation)},
                       {"asymmetric_activations", info.activation_rule == Checkpoint::ActivationRule::kAsymmetric},
                       {"online_hadamard_down_proj", info.online_hadamard_down_proj},
                       {"origins", origins}};
  if (info.residual_rotation_seed) json["residual_rotation_seed"] = *info.residual_rotation_seed;
  return json;
}

}  // namespace

PackedFileWriter::PackedFileWriter(const std::string& path) : path_(path) {
  fd_ = open(Partial(path).c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd_ < 0) ThrowErrno(Partial(path));
  offset_ = kPage;  // the prefix is written last
}

PackedFileWriter::~PackedFileWriter() {
  if (fd_ < 0) return;
  close(fd_);
  unlink(Partial(path_).c_str());
}

void PackedFileWriter::Write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t done = pwrite(fd_, bytes.data(), bytes.size(), offset_);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) ThrowErrno(Partial(path_));
    offset_ += done;
    bytes = bytes.subspan(static_cast<size_t>(done));
  }
}

void PackedFileWriter::PadTo(int64_t multiple) { Write(Padding(offset_, multiple)); }

void PackedFileWriter::WriteHashed(std::span<const std::byte> bytes, PiecewiseHash& hasher) {
  Write(bytes);
  hasher.Add(bytes);
}

void PackedFileWriter::Add(const std::string& name, PackedSection section,
                           std::span<const std::span<const std::byte>> parts) {
  PadTo(kPage);
  section.offset = offset_;
  PiecewiseHash hasher;
  for (const std::span<const std::byte> part : parts) {
    WriteHashed(part, hasher);
    WriteHashed(Padding(offset_, kPartUnit), hasher);
  }
  section.bytes = offset_ - section.offset;
  section.hash = hasher.Finish();
  PUNA_CHECK(sections_.emplace(name, section).second) << name;
}

void PackedFileWriter::Finish(const PackedInfo& info) {
  ordered_json json = {{"model", ToJson(info)}, {"sections", ordered_json::object()}};
  for (const auto& [name, s] : sections_) {
    json["sections"][name] = {{"format", s.format}, {"outputs", s.outputs}, {"inputs", s.inputs},
                              {"offset", s.offset}, {"bytes", s.bytes},     {"hash", HashText(s.hash.value())}};
  }
  const std::string header = json.dump(-1, ' ', true);
  PadTo(kPage);
  PackedPrefix prefix;
  prefix.header_offset = static_cast<uint64_t>(offset_);
  prefix.header_bytes = header.size();
  prefix.header_hash = ContentHash(std::as_bytes(std::span(header)));
  Write(std::as_bytes(std::span(header)));
  offset_ = 0;
  Write(std::as_bytes(std::span(&prefix, 1)));
  if (fsync(fd_) != 0 || close(std::exchange(fd_, -1)) != 0) ThrowErrno(Partial(path_));
  std::error_code error;
  std::filesystem::rename(Partial(path_), path_, error);
  if (error) ThrowErrno(path_);
}

}  // namespace puna::engine
