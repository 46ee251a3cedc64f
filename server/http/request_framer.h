// Where a request begins and ends on its connection: the framing of HTTP/1.x (RFC 9112) as a state machine that is fed bytes
// as they come, in whatever pieces. It takes the bytes of one request and not one more, so that no byte of a request is ever
// read as another one; where it cannot tell, there is a fault, and the connection must end.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/http/request_head.h"

namespace puna::server {

struct FramingLimits {
  size_t line = 8190;      // bytes of the request line, and of a field
  size_t head = 64 << 10;  // bytes of all of them
  size_t fields = 100;
  size_t body = size_t{32} << 20;
};

class RequestFramer {
 public:
  enum class State {
    kHead,      // the head is coming
    kBody,      // the head is there, the body is coming
    kComplete,  // the request is there; the next byte belongs to the next one
    kFault,     // what comes is no request, or too much; nothing more is taken
  };

  explicit RequestFramer(const FramingLimits& limits) : limits_(limits) {}

  // Takes what belongs to this request from the front of `bytes` and says how many those were. Stops at the end of the head
  // too, so that the request can be judged before its body is kept.
  size_t Feed(std::string_view bytes);

  State state() const { return state_; }
  const RequestHead& head() const { return head_; }      // whole from kBody on
  bool has_head() const { return head_is_whole_; }       // also in kFault
  const FramingFault& fault() const { return *fault_; }  // in kFault
  bool begun() const { return begun_; }                  // a byte of it has come
  size_t body_bytes() const { return body_bytes_; }      // that have come
  // The body is not wanted: its bytes are counted, not kept.
  void DiscardBody();
  std::string TakeBody() { return std::move(body_); }

  // For the next request.
  void Reset() { *this = RequestFramer(limits_); }

 private:
  // What the next byte belongs to.
  enum class Place { kRequestLine, kField, kSizedBody, kChunkSize, kChunkData, kChunkEnd, kTrailer };

  bool Step(std::string_view& bytes);
  std::optional<std::string> TakeLine(std::string_view& bytes);
  void TakeRequestLine(const std::string& line);
  void TakeField(const std::string& line);
  void TakeChunkSize(const std::string& line);
  void TakeTrailer(const std::string& line);
  void TakeBody(std::string_view& bytes);
  void EndHead();
  void Fail(FramingFault fault);
  size_t LineLimit() const;
  FramingFault LineTooLong() const;

  FramingLimits limits_;
  State state_ = State::kHead;
  Place place_ = Place::kRequestLine;
  RequestHead head_;
  std::optional<FramingFault> fault_;
  bool begun_ = false, head_is_whole_ = false, discards_ = false;
  std::string line_;       // the part of a line that has come
  size_t line_bytes_ = 0;  // of all lines of the head, or of the trailers
  size_t num_trailers_ = 0;
  uint64_t left_ = 0;  // bytes of the body, or of its chunk, that are still to come
  size_t body_bytes_ = 0;
  std::string body_;
};

}  // namespace puna::server
