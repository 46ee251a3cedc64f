#include "engine/kv_disk/folder_key.h"

#include <array>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>

#include "engine/base/content_hash.h"

namespace puna::engine {
namespace {

constexpr const char* kName = "key";

struct KeyFile {
  std::array<char, 16> magic{'p', 'u', 'n', 'a', ' ', 'k', 'v', ' ', 'k', 'e', 'y', ' ', '1', '\n'};
  HashKey key{};
  ContentHash check;  // of what stands before it

  ContentHash Check() const { return HashContent({reinterpret_cast<const uint8_t*>(this), offsetof(KeyFile, check)}); }
};

std::optional<HashKey> Read(DiskFolder& folder, int& error) {
  const std::unique_ptr<DiskFile> file = folder.Open(kName, /*writable=*/false, error);
  if (!file) return std::nullopt;
  KeyFile found;
  const int64_t read = file->ReadAt({reinterpret_cast<uint8_t*>(&found), sizeof found}, 0);
  if (read < 0) error = static_cast<int>(read);
  if (read == sizeof found && found.magic == KeyFile{}.magic && found.check == found.Check()) return found.key;
  if (error == 0) error = -EBADMSG;
  return std::nullopt;
}

// Under a name of its own first, so that whoever finds the key finds all of it; whose name comes first counts.
int Write(DiskFolder& folder, const HashKey& key) {
  KeyFile made;
  made.key = key;
  made.check = made.Check();
  char name[40];
  std::snprintf(name, sizeof name, "key.%016" PRIx64, made.check.low);
  int error = 0;
  const std::unique_ptr<DiskFile> file = folder.Create(name, error);
  if (!file) return error;
  const int64_t written = file->WriteAt({reinterpret_cast<const uint8_t*>(&made), sizeof made}, 0);
  int status = written < 0 ? static_cast<int>(written) : file->Sync(0, sizeof made);
  if (status == 0) status = folder.Link(name, kName);
  folder.Remove(name);
  return status == -EEXIST ? 0 : status;
}

}  // namespace

HashKey FolderKey(DiskFolder& folder, int& error) {
  error = 0;
  if (const auto key = Read(folder, error)) return *key;
  const HashKey fresh = RandomHashKey();
  if (error == -EBADMSG) folder.Remove(kName);  // torn or damaged: what was written under it is lost
  if (error == -ENOENT || error == -EBADMSG) error = Write(folder, fresh);
  if (error < 0) return fresh;
  if (const auto key = Read(folder, error)) return *key;
  return fresh;
}

}  // namespace puna::engine
