// PartFile: a file that is being fetched in pieces. Behind the room for its content it notes which chunks have been written, so
// that whoever opens it after a kill -9 knows what is missing. Power cuts may leave a note without its bytes: the checksum of the
// whole finds that.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace puna::server {

// Bytes [begin, end) of the content, of which those before `at` are there.
struct Span {
  int64_t begin = 0, end = 0, at = 0;
};

class PartFile {
 public:
  // Goes on with the file at this path if it is one for `size` bytes, else begins it. Throws std::runtime_error.
  PartFile(std::string path, int64_t size);
  ~PartFile();
  PartFile(const PartFile&) = delete;

  int64_t size() const { return size_; }
  int64_t have() const;  // bytes that are there, in whole chunks
  bool complete() const { return have() == size_; }

  // The first bytes that are neither there nor in a span that was given out: at most `longest`. An empty span: none.
  Span Take(int64_t longest);
  // Gives out all at once, whatever is there.
  Span TakeAll();
  // Writes at span->at and moves it. Throws std::runtime_error; of a full disk with how much is missing.
  void Write(Span* span, std::string_view bytes);
  // Forgets what is there.
  void Clear();
  // Cuts the notes off and has the disk keep the content.
  void Finish();

 private:
  enum Chunk : char { kMissing, kDone, kTaken };

  void Begin();
  bool Resume();
  void Note(int64_t chunk);
  [[noreturn]] void Fail(const std::string& what) const;

  std::string path_;
  int64_t size_;
  int fd_ = -1;
  std::vector<char> chunks_;
};

// The bytes that a part file at this path already holds for a content of this size; opens and changes nothing.
int64_t BytesInPart(const std::string& path, int64_t size);

}  // namespace puna::server
