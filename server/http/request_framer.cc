#include "server/http/request_framer.h"

#include <algorithm>
#include <charconv>
#include <new>
#include <utility>

namespace puna::server {
namespace {

constexpr size_t kMaxChunkLine = 1024;  // a size, and extensions that nobody reads
// Bytes of a body from which on there is memory for all of it: it has been judged by then, and counted (Exchange::TakeMemory).
constexpr size_t kFirstBytes = 64 << 10;

bool IsControl(char c) { return (static_cast<unsigned char>(c) < ' ' && c != '\t' && c != '\r') || c == 0x7f; }

}  // namespace

size_t RequestFramer::Feed(std::string_view bytes) {
  const size_t given = bytes.size();
  const State before = state_;
  begun_ = begun_ || given > 0;
  while (state_ == before && state_ != State::kComplete && state_ != State::kFault && Step(bytes)) {
  }
  return given - bytes.size();
}

// Moves on by one line, or by one run of the body. False: it takes more bytes than there are.
bool RequestFramer::Step(std::string_view& bytes) {
  if (place_ == Place::kSizedBody || place_ == Place::kChunkData) {
    if (bytes.empty()) return false;
    TakeBody(bytes);
    return true;
  }
  const std::optional<std::string> line = TakeLine(bytes);
  if (!line) return false;
  switch (place_) {
    case Place::kRequestLine:
      TakeRequestLine(*line);
      break;
    case Place::kField:
      TakeField(*line);
      break;
    case Place::kChunkSize:
      TakeChunkSize(*line);
      break;
    case Place::kChunkEnd:
      place_ = Place::kChunkSize;
      break;  // the line is empty, or it would be too long
    default:
      TakeTrailer(*line);
      break;
  }
  return true;
}

// A line without its CRLF, once all of it is there. A bare CR or LF ends a line for some and not for others, and other control
// characters tell of another protocol: faults, at the first byte that shows them.
std::optional<std::string> RequestFramer::TakeLine(std::string_view& bytes) {
  const size_t limit = LineLimit();
  while (!bytes.empty()) {
    const char c = bytes.front();
    bytes.remove_prefix(1);
    const bool behind_cr = !line_.empty() && line_.back() == '\r';
    if (c == '\n' && behind_cr) {
      line_.pop_back();
      return std::exchange(line_, {});
    }
    if (behind_cr || c == '\n')
      return Fail(BadRequest("Lines must end with CRLF, and hold neither CR nor LF.")), std::nullopt;
    if (IsControl(c))
      return Fail(BadRequest("The request holds control characters where HTTP/1.1 has none.")), std::nullopt;
    if (c != '\r' && line_.size() >= limit) return Fail(LineTooLong()), std::nullopt;
    line_ += c;
  }
  return std::nullopt;
}

size_t RequestFramer::LineLimit() const {
  if (place_ == Place::kChunkEnd) return 0;
  const size_t own = place_ == Place::kChunkSize ? kMaxChunkLine : limits_.line;
  return std::min(own, limits_.head - std::min(limits_.head, line_bytes_));
}

FramingFault RequestFramer::LineTooLong() const {
  if (place_ == Place::kRequestLine) return {414, "invalid_http", "The request line is too long."};
  if (place_ == Place::kField || place_ == Place::kTrailer)
    return {431, "invalid_http", "The headers of the request are too large."};
  return BadRequest(place_ == Place::kChunkEnd ? "A chunk is longer than its size says."
                                               : "A chunk's size is not a number.");
}

void RequestFramer::Fail(FramingFault fault) {
  fault_ = std::move(fault);
  state_ = State::kFault;
  body_ = {};
}

void RequestFramer::TakeRequestLine(const std::string& line) {
  line_bytes_ += line.size() + 2;
  if (line.empty()) return;  // some clients send CRLF behind a body
  place_ = Place::kField;
  if (std::optional<FramingFault> fault = ParseRequestLine(line, head_)) Fail(*std::move(fault));
}

void RequestFramer::TakeField(const std::string& line) {
  line_bytes_ += line.size() + 2;
  if (line.empty()) return EndHead();
  if (head_.fields.size() == limits_.fields) return Fail(LineTooLong());
  if (std::optional<FramingFault> fault = ParseField(line, head_.fields)) Fail(*std::move(fault));
}

void RequestFramer::EndHead() {
  head_is_whole_ = true;
  if (std::optional<FramingFault> fault = Conclude(limits_.body, head_)) return Fail(*std::move(fault));
  line_bytes_ = 0;
  left_ = head_.content_length;
  place_ = head_.chunked ? Place::kChunkSize : Place::kSizedBody;
  state_ = head_.has_body() ? State::kBody : State::kComplete;
}

void RequestFramer::DiscardBody() {
  discards_ = true;
  body_ = {};
}

void RequestFramer::TakeBody(std::string_view& bytes) {
  const size_t taken = static_cast<size_t>(std::min<uint64_t>(left_, bytes.size()));
  try {
    if (!discards_ && place_ == Place::kSizedBody && body_bytes_ >= kFirstBytes) body_.reserve(body_.size() + left_);
    if (!discards_) body_ += bytes.substr(0, taken);
  } catch (const std::bad_alloc&) {  // what came of it is of no use
    return Fail(NoMemory());
  }
  bytes.remove_prefix(taken);
  body_bytes_ += taken;
  left_ -= taken;
  if (left_ > 0) return;
  if (place_ == Place::kSizedBody)
    state_ = State::kComplete;
  else
    place_ = Place::kChunkEnd;
}

// SIZE [; extensions], in hexadecimal digits.
void RequestFramer::TakeChunkSize(const std::string& line) {
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), left_, 16);
  if (error == std::errc::result_out_of_range) return Fail(BodyTooLarge(limits_.body));
  const size_t rest = std::min(line.find_first_not_of(" \t", static_cast<size_t>(end - line.data())), line.size());
  if (error != std::errc() || (rest < line.size() && line[rest] != ';'))
    return Fail(BadRequest("A chunk's size is not a number."));
  if (left_ > limits_.body - body_bytes_) return Fail(BodyTooLarge(limits_.body));
  place_ = left_ > 0 ? Place::kChunkData : Place::kTrailer;
}

// Checked as the fields of a head, and dropped: none of them means anything here, and none may mean what a head's does.
void RequestFramer::TakeTrailer(const std::string& line) {
  line_bytes_ += line.size() + 2;
  if (line.empty()) {
    state_ = State::kComplete;
    return;
  }
  std::vector<HeaderField> trailer;
  if (++num_trailers_ > limits_.fields) return Fail(LineTooLong());
  if (std::optional<FramingFault> fault = ParseField(line, trailer)) Fail(*std::move(fault));
}

}  // namespace puna::server
