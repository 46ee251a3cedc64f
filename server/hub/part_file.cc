#include "server/hub/part_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace puna::server {
namespace {

constexpr int64_t kChunk = 1 << 20;
constexpr std::string_view kMagic = "puna part file 1";  // stands behind the content, and the chunks' notes behind it

int64_t CountChunks(int64_t size) { return (size + kChunk - 1) / kChunk; }
int64_t NotesAt(int64_t size) { return size + static_cast<int64_t>(kMagic.size()); }

bool ReadAt(int fd, char* out, int64_t count, int64_t at) {
  while (count > 0) {
    const ssize_t got = pread(fd, out, static_cast<size_t>(count), at);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    out += got, at += got, count -= got;
  }
  return true;
}

bool WriteAt(int fd, std::string_view bytes, int64_t at) {
  while (!bytes.empty()) {
    const ssize_t put = pwrite(fd, bytes.data(), bytes.size(), at);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(put));
    at += put;
  }
  return true;
}

// The chunks' notes; empty: this is no part file of that size.
std::vector<char> ReadNotes(int fd, int64_t size) {
  struct stat info {};
  const int64_t count = CountChunks(size);
  if (fstat(fd, &info) != 0) return {};
  // Cut off already, and the process ended before it was renamed: the checksum will tell.
  if (info.st_size == size) return std::vector<char>(static_cast<size_t>(count), 1);
  char magic[kMagic.size()];
  std::vector<char> notes(static_cast<size_t>(count));
  const bool good = info.st_size == NotesAt(size) + count && ReadAt(fd, magic, sizeof magic, size) &&
                    std::string_view(magic, sizeof magic) == kMagic && ReadAt(fd, notes.data(), count, NotesAt(size));
  return good ? notes : std::vector<char>{};
}

int64_t CountBytes(const std::vector<char>& chunks, char done, int64_t size) {
  const int64_t bytes = std::ranges::count(chunks, done) * kChunk;
  const int64_t beyond = CountChunks(size) * kChunk - size;  // the last chunk is shorter
  return !chunks.empty() && chunks.back() == done ? bytes - beyond : bytes;
}

}  // namespace

PartFile::PartFile(std::string path, int64_t size) : path_(std::move(path)), size_(size) {
  fd_ = open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd_ < 0) Fail("cannot be opened for writing");
  if (!Resume()) Begin();
}

PartFile::~PartFile() { close(fd_); }

bool PartFile::Resume() {
  std::vector<char> notes = ReadNotes(fd_, size_);
  if (notes.empty()) return false;
  chunks_ = std::move(notes);
  // A file that had been cut off gets its notes back.
  return ftruncate(fd_, NotesAt(size_) + static_cast<int64_t>(chunks_.size())) == 0 && WriteAt(fd_, kMagic, size_) &&
         WriteAt(fd_, {chunks_.data(), chunks_.size()}, NotesAt(size_));
}

void PartFile::Begin() {
  const int64_t count = CountChunks(size_);
  chunks_.assign(static_cast<size_t>(count), kMissing);
  // The notes become zero, which is kMissing, before the magic word makes them count.
  if (ftruncate(fd_, 0) != 0 || ftruncate(fd_, NotesAt(size_) + count) != 0 || !WriteAt(fd_, kMagic, size_)) {
    Fail("cannot be written");
  }
}

void PartFile::Clear() { Begin(); }

int64_t PartFile::have() const { return CountBytes(chunks_, kDone, size_); }

Span PartFile::Take(int64_t longest) {
  const auto first = std::ranges::find(chunks_, static_cast<char>(kMissing));
  if (first == chunks_.end()) return {};
  const int64_t begin = first - chunks_.begin(), most = std::max<int64_t>(1, longest / kChunk);
  int64_t end = begin;
  while (end < static_cast<int64_t>(chunks_.size()) && chunks_[static_cast<size_t>(end)] == kMissing &&
         end - begin < most) {
    chunks_[static_cast<size_t>(end++)] = kTaken;
  }
  return {begin * kChunk, std::min(end * kChunk, size_), begin * kChunk};
}

Span PartFile::TakeAll() {
  std::ranges::fill(chunks_, kTaken);
  return {0, size_, 0};
}

void PartFile::Write(Span* span, std::string_view bytes) {
  if (!WriteAt(fd_, bytes, span->at)) Fail("cannot be written");
  const int64_t before = span->at / kChunk;
  span->at += static_cast<int64_t>(bytes.size());
  const int64_t after = span->at == size_ ? CountChunks(size_) : span->at / kChunk;
  for (int64_t chunk = before; chunk < after; ++chunk) Note(chunk);
}

void PartFile::Note(int64_t chunk) {
  const char done = kDone;
  if (!WriteAt(fd_, {&done, 1}, NotesAt(size_) + chunk)) Fail("cannot be written");
  chunks_[static_cast<size_t>(chunk)] = kDone;
}

void PartFile::Finish() {
  if (ftruncate(fd_, size_) != 0 || fsync(fd_) != 0) Fail("cannot be written");
}

void PartFile::Fail(const std::string& what) const {
  const int error = errno;
  std::string text = path_ + ": " + what + " (" + std::strerror(error) + ")";
  if (error == ENOSPC || error == EDQUOT) {
    text += "; " + std::to_string(((size_ - have()) >> 20) + 1) +
            " MiB more are needed: make room and start again, what is there is kept";
  }
  throw std::runtime_error(text);
}

int64_t BytesInPart(const std::string& path, int64_t size) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  const std::vector<char> notes = ReadNotes(fd, size);
  close(fd);
  return CountBytes(notes, 1, size);
}

}  // namespace puna::server
