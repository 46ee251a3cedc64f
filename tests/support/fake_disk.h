// FakeDisk: a folder in memory that fails on demand, and forgets what was not synced when the power goes.
#pragma once

#include <algorithm>
#include <cerrno>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "engine/kv_disk/disk_folder.h"

namespace puna::engine {

class FakeDisk final : public DiskFolder {
 public:
  enum class Call { kList, kOpen, kCreate, kRead, kWrite, kTruncate, kSync, kTouch, kLink, kRemove, kSpace };

  // May be replaced while others call.
  class Fault {
   public:
    void operator=(std::function<int(Call)> fault) {
      const std::lock_guard lock(mutex_);
      fault_ = std::move(fault);
    }
    int operator()(Call call) const {
      std::function<int(Call)> fault;
      {
        const std::lock_guard lock(mutex_);
        fault = fault_;
      }
      return fault ? fault(call) : 0;
    }

   private:
    mutable std::mutex mutex_;
    std::function<int(Call)> fault_;
  };

  // Asked before each call, without any lock; what is not zero is what the call returns. A write that fails has written a
  // part.
  Fault fault;
  int64_t free_bytes = int64_t{1} << 40;
  uint64_t num_calls = 0;

  int List(const std::string& ending, std::vector<DiskFileInfo>& files) override {
    if (const int error = Ask(Call::kList)) return error;
    const std::lock_guard lock(mutex_);
    for (const auto& [name, file] : files_) {
      if (!name.ends_with(ending)) continue;
      const auto size = static_cast<int64_t>(file->now.size());
      files.push_back({name, size, size, file->written, file->used});
    }
    return 0;
  }

  std::unique_ptr<DiskFile> Open(const std::string& name, bool /*writable*/, int& error) override {
    if ((error = Ask(Call::kOpen)) < 0) return nullptr;
    const std::lock_guard lock(mutex_);
    const auto file = files_.find(name);
    error = file == files_.end() ? -ENOENT : 0;
    return error < 0 ? nullptr : std::make_unique<Handle>(*this, file->second);
  }

  std::unique_ptr<DiskFile> Create(const std::string& name, int& error) override {
    if ((error = Ask(Call::kCreate)) < 0) return nullptr;
    const std::lock_guard lock(mutex_);
    const auto [file, is_new] = files_.try_emplace(name, std::make_shared<File>());
    error = is_new ? 0 : -EEXIST;
    if (!is_new) return nullptr;
    file->second->written = ++time_;
    return std::make_unique<Handle>(*this, file->second);
  }

  int Link(const std::string& name, const std::string& second) override {
    if (const int error = Ask(Call::kLink)) return error;
    const std::lock_guard lock(mutex_);
    if (!files_.contains(name)) return -ENOENT;
    return files_.try_emplace(second, files_[name]).second ? 0 : -EEXIST;
  }

  int Remove(const std::string& name) override {
    if (const int error = Ask(Call::kRemove)) return error;
    const std::lock_guard lock(mutex_);
    const auto file = files_.find(name);
    if (file == files_.end()) return -ENOENT;
    file->second->removed = true;
    files_.erase(file);
    return 0;
  }

  int Space(int64_t& all, int64_t& free) override {
    if (const int error = Ask(Call::kSpace)) return error;
    all = int64_t{1} << 40;
    free = free_bytes;
    return 0;
  }

  std::string path() const override { return "/fake"; }

  // --- for the test

  // Of each sector that was not synced, the disk has what was there, what was written, or nothing; lengths are anything
  // between; files that were new may be gone.
  void LosePower(std::mt19937& random) {
    const std::lock_guard lock(mutex_);
    for (auto file = files_.begin(); file != files_.end();) {
      if (!file->second->ever_synced && random() % 4 == 0) {
        file = files_.erase(file);
      } else {
        Tear(*(file++)->second, random);
      }
    }
  }

  std::map<std::string, std::vector<uint8_t>> Contents() const {
    const std::lock_guard lock(mutex_);
    std::map<std::string, std::vector<uint8_t>> contents;
    for (const auto& [name, file] : files_) contents[name] = file->now;
    return contents;
  }
  void Set(const std::string& name, std::vector<uint8_t> bytes) {
    const std::lock_guard lock(mutex_);
    auto& file = files_[name];
    if (!file) file = std::make_shared<File>();
    file->now = file->synced = std::move(bytes);
    file->written = ++time_;
  }
  int64_t bytes() const {
    int64_t sum = 0;
    for (const auto& [name, bytes] : Contents()) sum += name == "key" ? 0 : static_cast<int64_t>(bytes.size());
    return sum;
  }

 private:
  struct File {
    std::vector<uint8_t> now, synced;
    int64_t written = 0, used = 0;
    bool removed = false, ever_synced = false;
  };

  class Handle final : public DiskFile {
   public:
    Handle(FakeDisk& disk, std::shared_ptr<File> file) : disk_(disk), file_(std::move(file)) {}

    int64_t ReadAt(std::span<uint8_t> into, int64_t offset) override {
      if (const int error = disk_.Ask(Call::kRead)) return error;
      const std::lock_guard lock(disk_.mutex_);
      const auto size = static_cast<int64_t>(file_->now.size());
      const int64_t n = std::clamp<int64_t>(size - offset, 0, static_cast<int64_t>(into.size()));
      std::copy_n(file_->now.begin() + std::min(offset, size), n, into.begin());
      return n;
    }
    int64_t WriteAt(std::span<const uint8_t> bytes, int64_t offset) override {
      const int error = disk_.Ask(Call::kWrite);
      const std::lock_guard lock(disk_.mutex_);
      const size_t n = error < 0 ? bytes.size() / 2 : bytes.size();
      if (file_->now.size() < offset + n) file_->now.resize(offset + n);
      std::copy_n(bytes.begin(), n, file_->now.begin() + offset);
      file_->written = ++disk_.time_;
      return error < 0 ? error : static_cast<int64_t>(n);
    }
    int Truncate(int64_t size) override {
      if (const int error = disk_.Ask(Call::kTruncate)) return error;
      const std::lock_guard lock(disk_.mutex_);
      file_->now.resize(static_cast<size_t>(size));
      return 0;
    }
    int Sync(int64_t, int64_t) override {
      if (const int error = disk_.Ask(Call::kSync)) return error;
      const std::lock_guard lock(disk_.mutex_);
      file_->synced = file_->now;
      file_->ever_synced = true;
      return 0;
    }
    int Touch() override {
      if (const int error = disk_.Ask(Call::kTouch)) return error;
      const std::lock_guard lock(disk_.mutex_);
      file_->used = ++disk_.time_;
      return 0;
    }
    bool removed() const override {
      const std::lock_guard lock(disk_.mutex_);
      return file_->removed;
    }

   private:
    FakeDisk& disk_;
    const std::shared_ptr<File> file_;
  };

  int Ask(Call call) {
    {
      const std::lock_guard lock(mutex_);
      ++num_calls;
    }
    return fault(call);
  }

  // What was synced and not written again is safe.
  static void Tear(File& file, std::mt19937& random) {
    constexpr size_t kSector = 512;
    const size_t least = std::min(file.now.size(), file.synced.size());
    const size_t most = std::max(file.now.size(), file.synced.size());
    std::vector<uint8_t> after(random() % 2 ? most : least + random() % (most - least + 1));
    const auto sector = [&](const std::vector<uint8_t>& from, size_t at) {
      std::vector<uint8_t> bytes(std::min(kSector, after.size() - at));
      for (size_t i = 0; i < bytes.size() && at + i < from.size(); ++i) bytes[i] = from[at + i];
      return bytes;
    };
    for (size_t at = 0; at < after.size(); at += kSector) {
      auto bytes = sector(random() % 2 ? file.now : file.synced, at);
      if (sector(file.now, at) != sector(file.synced, at) && random() % 8 == 0)
        std::fill(bytes.begin(), bytes.end(), 0);
      std::copy(bytes.begin(), bytes.end(), after.begin() + static_cast<std::ptrdiff_t>(at));
    }
    file.now = file.synced = std::move(after);
  }

  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<File>> files_;
  int64_t time_ = 0;
};

}  // namespace puna::engine
