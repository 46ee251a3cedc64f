#include "engine/kv_disk/posix_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <utility>

namespace puna::engine {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  ~Descriptor() { close(fd_); }
  int get() const { return fd_; }

 private:
  int fd_;
};

int Result(int status) { return status < 0 ? -errno : 0; }

int64_t Nanoseconds(const timespec& time) { return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

class PosixFile final : public DiskFile {
 public:
  explicit PosixFile(int fd) : fd_(fd) {}

  int64_t ReadAt(std::span<uint8_t> into, int64_t offset) override {
    size_t done = 0;
    while (done < into.size()) {
      const ssize_t n = pread(fd_.get(), into.data() + done, into.size() - done, offset + static_cast<int64_t>(done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return -errno;
      if (n == 0) break;
      done += static_cast<size_t>(n);
    }
    return static_cast<int64_t>(done);
  }

  int64_t WriteAt(std::span<const uint8_t> bytes, int64_t offset) override {
    size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t n =
          pwrite(fd_.get(), bytes.data() + done, bytes.size() - done, offset + static_cast<int64_t>(done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return -errno;
      if (n == 0) return -EIO;
      done += static_cast<size_t>(n);
    }
    return static_cast<int64_t>(done);
  }

  int Truncate(int64_t size) override { return Result(ftruncate(fd_.get(), size)); }

  // Pages that were written would push mapped weights out of a container's memory.
  int Sync(int64_t offset, int64_t bytes) override {
    const int status = Result(fdatasync(fd_.get()));
    if (status == 0) posix_fadvise(fd_.get(), offset, bytes, POSIX_FADV_DONTNEED);
    return status;
  }

  int Touch() override {
    const timespec times[2] = {{0, UTIME_NOW}, {0, UTIME_OMIT}};
    return Result(futimens(fd_.get(), times));
  }

  bool removed() const override {
    struct stat info {};
    return fstat(fd_.get(), &info) != 0 || info.st_nlink == 0;
  }

 private:
  Descriptor fd_;
};

class PosixFolder final : public DiskFolder {
 public:
  PosixFolder(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}

  int List(const std::string& ending, std::vector<DiskFileInfo>& files) override {
    const int fd = openat(fd_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR* folder = fd < 0 ? nullptr : fdopendir(fd);
    if (folder == nullptr) {
      const int error = errno;
      if (fd >= 0) close(fd);
      return -error;
    }
    while (const dirent* entry = readdir(folder)) {
      const std::string name = entry->d_name;
      struct stat info {};
      if (!name.ends_with(ending) || fstatat(fd_.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
      if (!S_ISREG(info.st_mode) || info.st_uid != geteuid()) continue;
      files.push_back(
          {name, info.st_size, int64_t{info.st_blocks} * 512, Nanoseconds(info.st_mtim), Nanoseconds(info.st_atim)});
    }
    closedir(folder);
    return 0;
  }

  // Reading alone must not count as a use, which says when the cache needed something.
  std::unique_ptr<DiskFile> Open(const std::string& name, bool writable, int& error) override {
    const int flags = (writable ? O_RDWR : O_RDONLY) | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    int fd = openat(fd_.get(), name.c_str(), flags | O_NOATIME);
    if (fd < 0 && errno == EPERM) fd = openat(fd_.get(), name.c_str(), flags);
    return Made(fd, error);
  }

  std::unique_ptr<DiskFile> Create(const std::string& name, int& error) override {
    return Made(openat(fd_.get(), name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_NOATIME | O_CLOEXEC,
                       S_IRUSR | S_IWUSR),
                error);
  }

  int Link(const std::string& name, const std::string& second) override {
    return Result(linkat(fd_.get(), name.c_str(), fd_.get(), second.c_str(), 0));
  }

  int Remove(const std::string& name) override { return Result(unlinkat(fd_.get(), name.c_str(), 0)); }

  int Space(int64_t& all, int64_t& free) override {
    struct statvfs info {};
    if (fstatvfs(fd_.get(), &info) != 0) return -errno;
    all = static_cast<int64_t>(info.f_blocks * info.f_frsize);
    free = static_cast<int64_t>(info.f_bavail * info.f_frsize);
    return 0;
  }

  std::string path() const override { return path_; }

 private:
  static std::unique_ptr<DiskFile> Made(int fd, int& error) {
    error = fd < 0 ? -errno : 0;
    return fd < 0 ? nullptr : std::make_unique<PosixFile>(fd);
  }

  Descriptor fd_;
  const std::string path_;
};

}  // namespace

std::shared_ptr<DiskFolder> OpenPosixFolder(const std::string& path, int& error) {
  std::error_code ignored;
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  if (!parent.empty()) std::filesystem::create_directories(parent, ignored);
  mkdir(path.c_str(), S_IRWXU);  // where it is there or cannot be made, open says so
  const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  error = fd < 0 ? errno : 0;
  return fd < 0 ? nullptr : std::make_shared<PosixFolder>(fd, path);
}

}  // namespace puna::engine
