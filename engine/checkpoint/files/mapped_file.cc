#include "engine/checkpoint/files/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#include "engine/checkpoint/files/checkpoint_fault.h"

namespace puna::engine {
namespace {

[[noreturn]] void ThrowErrno(const std::string& path, int error) {
  Throw({.path = path,
         .expected = "a readable file",
         .found = std::strerror(error),
         .remedy = "check that it exists and that this user may read it"});
}

// A hint to the kernel about all pages that `part` touches.
void Advise(std::span<const std::byte> part, int advice) {
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const uintptr_t begin = reinterpret_cast<uintptr_t>(part.data()) / page * page;
  const uintptr_t end = reinterpret_cast<uintptr_t>(part.data()) + part.size();
  madvise(reinterpret_cast<void*>(begin), end - begin, advice);
}

struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) close(fd);
  }
};

struct Mapping {
  void* begin;
  size_t bytes;
  ~Mapping() {
    if (begin != nullptr) munmap(begin, bytes);
  }
};

}  // namespace

MappedFile::MappedFile(std::string path, std::span<const std::byte> bytes) : path_(std::move(path)), bytes_(bytes) {}

std::shared_ptr<const MappedFile> MappedFile::Open(const std::string& path) {
  Descriptor file{open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.fd < 0) ThrowErrno(path, errno);
  struct stat status {};
  if (fstat(file.fd, &status) != 0) ThrowErrno(path, errno);
  if (!S_ISREG(status.st_mode)) {
    Throw({.path = path,
           .expected = "a regular file",
           .found = S_ISDIR(status.st_mode) ? "a folder" : "something else",
           .remedy = "check the path"});
  }
  const auto size = static_cast<size_t>(status.st_size);
  if (size == 0) return std::shared_ptr<const MappedFile>(new MappedFile(path, {}));
  void* p = mmap(nullptr, size, PROT_READ, MAP_SHARED, file.fd, 0);
  if (p == MAP_FAILED) ThrowErrno(path, errno);
  Mapping mapping{p, size};
  auto range = std::make_unique<const MappedRange>(p, size, path, file.fd);
  file.fd = -1;
  const std::shared_ptr<MappedFile> mapped(new MappedFile(path, {static_cast<const std::byte*>(p), size}));
  mapped->range_ = std::move(range);
  mapping.begin = nullptr;
  return mapped;
}

std::shared_ptr<const MappedFile> MappedFile::Borrow(std::string name, std::span<const std::byte> bytes) {
  return std::shared_ptr<const MappedFile>(new MappedFile(std::move(name), bytes));
}

std::shared_ptr<const MappedFile> MappedFile::Keep(std::string name, std::string bytes) {
  const std::shared_ptr<MappedFile> file(new MappedFile(std::move(name), {}));
  file->kept_ = std::move(bytes);
  file->bytes_ = std::as_bytes(std::span(file->kept_));
  return file;
}

MappedFile::~MappedFile() {
  if (range_) munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

void MappedFile::Release(std::span<const std::byte> part) const {
  // Rounded outwards: a neighbour's bytes on the same page only have to be faulted in again.
  if (range_ && !part.empty()) Advise(part, MADV_DONTNEED);
}

void MappedFile::Prefetch(std::span<const std::byte> part) const {
  if (range_ && !part.empty()) Advise(part, MADV_WILLNEED);
}

void MappedFile::Populate(std::span<const std::byte> part) const {
  if (!range_ || part.empty()) return;
  Advise(part, MADV_WILLNEED);
#ifdef MADV_POPULATE_READ
  Advise(part, MADV_POPULATE_READ);
#endif
}

}  // namespace puna::engine
