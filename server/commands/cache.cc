#include "server/commands/cache.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <system_error>

#include "engine/kv_cache/block_id.h"
#include "engine/kv_disk/folder_report.h"
#include "engine/kv_disk/posix_folder.h"
#include "server/hub/fetch_blob.h"

namespace puna::server {
namespace {

constexpr size_t kLeastDigits = 6;

[[noreturn]] void Fail(const std::string& path, int error) {
  throw std::runtime_error("kv_disk_path: " + path + " cannot be read: " + std::generic_category().message(error));
}

std::shared_ptr<engine::DiskFolder> OpenFolder(const config::EngineConfig& config) {
  const std::string& path = config.kv_disk_path;
  if (path.empty()) {
    throw std::runtime_error(
        "kv_disk_path is missing: name the folder as the server has it, by --kv-disk-path, PUNA_KV_DISK_PATH or "
        "--config");
  }
  std::error_code none;
  if (!std::filesystem::exists(path, none)) Fail(path, ENOENT);  // opening it would make one
  int error = 0;
  auto folder = engine::OpenPosixFolder(path, error);
  if (!folder) Fail(path, error);
  return folder;
}

engine::FolderReport ReadReport(engine::DiskFolder& folder) {
  engine::FolderReport report;
  if (const int status = engine::ReportFolder(folder, report); status < 0) Fail(folder.path(), -status);
  return report;
}

std::string AgeText(int64_t since_1970_ns) {
  if (since_1970_ns == 0) return "never";
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const int64_t seconds = std::max<int64_t>(
      std::chrono::duration_cast<std::chrono::seconds>(now).count() - since_1970_ns / 1'000'000'000, 0);
  const auto text = [](int64_t number, const char* unit) { return std::to_string(number) + " " + unit + " ago"; };
  if (seconds < 120) return text(seconds, "s");
  if (seconds < 2 * 3600) return text(seconds / 60, "min");
  if (seconds < 2 * 86400) return text(seconds / 3600, "h");
  return text(seconds / 86400, "days");
}

std::string NameOf(const engine::KeptModel& model) { return model.label.empty() ? "?" : model.label; }

void PrintModel(const engine::KeptModel& model) {
  const std::string fingerprint = engine::FingerprintText(model.fingerprint);
  std::printf("\n%s\n", NameOf(model).c_str());
  std::printf("  fingerprint   %s\n", fingerprint.c_str());
  std::printf("  size          %s in %d files\n", SizeText(model.bytes).c_str(), model.files);
  std::printf("  blocks        %llu of %s: %llu tokens\n", static_cast<unsigned long long>(model.blocks),
              SizeText(model.block_bytes).c_str(), static_cast<unsigned long long>(model.blocks * engine::kBlockSize));
  if (model.damaged_blocks > 0) {
    std::printf("  damaged       %llu blocks, which nobody reads\n",
                static_cast<unsigned long long>(model.damaged_blocks));
  }
  std::printf("  written       %s to %s\n", AgeText(model.first_written_ns).c_str(),
              AgeText(model.last_written_ns).c_str());
  std::printf("  found again   %s\n", AgeText(model.last_used_ns).c_str());
}

// "llama-3b, w4a8" is meant by its name alone, too.
bool IsMeant(const engine::KeptModel& model, const std::string& which) {
  if (which == model.label || model.label.starts_with(which + ", ")) return !which.empty();
  return which.size() >= kLeastDigits && engine::FingerprintText(model.fingerprint).starts_with(which);
}

void Clear(engine::DiskFolder& folder, const std::optional<engine::ContentHash>& only, const std::string& name) {
  engine::FolderCleared cleared;
  if (const int status = engine::ClearFolder(folder, only, cleared); status < 0) {
    throw std::runtime_error(folder.path() + " cannot be cleared: " + std::generic_category().message(-status));
  }
  std::printf("%s: %s in %d files are free\n", name.c_str(), SizeText(cleared.bytes).c_str(), cleared.files);
}

}  // namespace

int RunCacheList(const config::EngineConfig& config) {
  const auto folder = OpenFolder(config);
  const engine::FolderReport report = ReadReport(*folder);
  std::printf("%s: %s, %zu models\n", folder->path().c_str(), SizeText(report.bytes).c_str(), report.models.size());
  for (const engine::KeptModel& model : report.models) PrintModel(model);
  if (report.unread_files > 0) {
    std::printf("\n%s in %d files that this version of puna does not read\n", SizeText(report.unread_bytes).c_str(),
                report.unread_files);
  }
  return 0;
}

int RunCacheVerify(const config::EngineConfig& config) {
  const auto folder = OpenFolder(config);
  engine::FolderFaults faults;
  const auto tell = [](const std::string& line) { std::printf("%s\n", line.c_str()); };
  if (const int status = engine::VerifyFolder(*folder, tell, faults); status < 0) Fail(folder->path(), -status);
  std::printf("%llu blocks are what was written, %llu are not\n", static_cast<unsigned long long>(faults.sound_blocks),
              static_cast<unsigned long long>(faults.damaged_blocks));
  if (faults.loose_bytes > 0) {
    std::printf("%s stand behind whole records: being written, of another version, or cut off\n",
                SizeText(faults.loose_bytes).c_str());
  }
  return faults.damaged_blocks == 0 ? 0 : 1;
}

int RunCacheClear(const config::EngineConfig& config, const std::vector<std::string>& which) {
  if (which.empty())
    throw std::runtime_error("cache clear: say what, as in puna cache clear all, or a model of puna cache list");
  const auto folder = OpenFolder(config);
  for (const std::string& one : which) {
    if (one == "all") {
      Clear(*folder, std::nullopt, folder->path());
      continue;
    }
    int found = 0;
    for (const engine::KeptModel& model : ReadReport(*folder).models) {
      if (!IsMeant(model, one)) continue;
      ++found;
      Clear(*folder, model.fingerprint, NameOf(model));
    }
    if (found == 0)
      throw std::runtime_error("cache clear: " + one + " is not in " + folder->path() +
                               "; puna cache list shows what is");
  }
  return 0;
}

}  // namespace puna::server
