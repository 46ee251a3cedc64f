#include "server/http/content_coding.h"

#include <brotli/decode.h>
#define ZLIB_CONST
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <array>
#include <bit>
#include <functional>
#include <memory>
#include <new>
#include <utility>

#include "api/json/error.h"
#include "server/http/request_head.h"

namespace puna::server {
namespace {

constexpr size_t kMaxCodings = 4;       // one on top of the other
constexpr size_t kPiece = 32 << 10;     // bytes that are unpacked at once
constexpr size_t kMaxInput = 64 << 20;  // given to zlib at once, whose counters have 32 bits
constexpr int kMinZstdWindow = 23;      // bits: what RFC 9659 asks of every receiver
constexpr int kMaxZstdWindow = 31;

// What has been unpacked, never more than a limit.
class Unpacked {
 public:
  using Grows = std::function<void(size_t bytes)>;
  Unpacked(std::string_view coding, size_t limit, const Grows& grows) : coding_(coding), limit_(limit), grows_(grows) {}

  void Append(const char* bytes, size_t count) {
    if (count > limit_ - text_.size()) TooLarge();
    if (grows_) grows_(text_.size() + count);
    text_.append(bytes, count);
  }
  std::string Take() { return std::move(text_); }
  size_t limit() const { return limit_; }

  [[noreturn]] void TooLarge() const {
    throw api::ApiError(413, "invalid_request_error", "payload_too_large",
                        "The body of the request is larger than this server takes (" + std::to_string(limit_ >> 20) +
                            " MiB), once its Content-Encoding '" + coding_ + "' is undone.");
  }
  [[noreturn]] void Wrong(const std::string& why) const {
    throw api::ApiError(400, "invalid_request_error", "invalid_content_encoding",
                        "The body of the request is not what its Content-Encoding '" + coding_ + "' says: " + why +
                            ". Compress it so, or leave that header out.");
  }

 private:
  const std::string coding_;
  const size_t limit_;
  const Grows& grows_;
  std::string text_;
};

constexpr const char* kCut = "it ends too early";
constexpr const char* kTrailing = "something follows its end";

enum class Wrapper { kGzip = 15 + 16, kZlib = 15, kNone = -15 };  // as inflateInit2 wants them

void Inflate(std::string_view in, Wrapper wrapper, Unpacked& out) {
  z_stream stream{};
  if (inflateInit2(&stream, static_cast<int>(wrapper)) != Z_OK) throw std::bad_alloc();
  const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, inflateEnd);
  std::array<char, kPiece> piece;
  for (int state = Z_OK; state != Z_STREAM_END || !in.empty();) {
    if (state == Z_STREAM_END && wrapper != Wrapper::kGzip) out.Wrong(kTrailing);
    if (state == Z_STREAM_END) inflateReset(&stream);  // RFC 1952: another member may follow
    const auto given = static_cast<uInt>(std::min(in.size(), kMaxInput));
    stream.next_in = reinterpret_cast<const Bytef*>(in.data());
    stream.avail_in = given;
    stream.next_out = reinterpret_cast<Bytef*>(piece.data());
    stream.avail_out = piece.size();
    state = inflate(&stream, Z_NO_FLUSH);
    if (state == Z_MEM_ERROR) throw std::bad_alloc();
    if (state == Z_BUF_ERROR) out.Wrong(kCut);
    if (state != Z_OK && state != Z_STREAM_END) out.Wrong(stream.msg != nullptr ? stream.msg : "no such data");
    in.remove_prefix(given - stream.avail_in);
    out.Append(piece.data(), piece.size() - stream.avail_out);
  }
}

// RFC 9110 means zlib's format by "deflate"; some clients send the bare data, which has no header to be told by.
void InflateDeflate(std::string_view in, Unpacked& out) {
  const auto byte = [&](size_t i) { return i < in.size() ? static_cast<unsigned char>(in[i]) : 0; };
  const bool has_header = (byte(0) & 0x0f) == 8 && (byte(0) * 256 + byte(1)) % 31 == 0;
  Inflate(in, has_header ? Wrapper::kZlib : Wrapper::kNone, out);
}

void InflateGzip(std::string_view in, Unpacked& out) { Inflate(in, Wrapper::kGzip, out); }

void DecodeBrotli(std::string_view in, Unpacked& out) {
  const std::unique_ptr<BrotliDecoderState, void (*)(BrotliDecoderState*)> decoder(
      BrotliDecoderCreateInstance(nullptr, nullptr, nullptr), BrotliDecoderDestroyInstance);
  if (!decoder) throw std::bad_alloc();
  std::array<char, kPiece> piece;
  const auto* next = reinterpret_cast<const uint8_t*>(in.data());
  size_t left = in.size();
  BrotliDecoderResult state;
  do {
    auto* to = reinterpret_cast<uint8_t*>(piece.data());
    size_t room = piece.size();
    state = BrotliDecoderDecompressStream(decoder.get(), &left, &next, &room, &to, nullptr);
    if (state == BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT) out.Wrong(kCut);
    if (state == BROTLI_DECODER_RESULT_ERROR)
      out.Wrong(BrotliDecoderErrorString(BrotliDecoderGetErrorCode(decoder.get())));
    out.Append(piece.data(), piece.size() - room);
  } while (state != BROTLI_DECODER_RESULT_SUCCESS);
  if (left > 0) out.Wrong(kTrailing);
}

// A frame says how much of what it has unpacked it looks back on, and so how much memory that takes: no more than the largest
// body has, or what every receiver must have.
void DecodeZstd(std::string_view in, Unpacked& out) {
  const std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)> decoder(ZSTD_createDCtx(), ZSTD_freeDCtx);
  if (!decoder) throw std::bad_alloc();
  const int window = std::clamp(static_cast<int>(std::bit_width(out.limit() - 1)), kMinZstdWindow, kMaxZstdWindow);
  ZSTD_DCtx_setParameter(decoder.get(), ZSTD_d_windowLogMax, window);
  std::array<char, kPiece> piece;
  ZSTD_inBuffer from{in.data(), in.size(), 0};
  size_t state = 1;  // 0: a frame is complete
  while (state != 0 || from.pos < from.size) {
    ZSTD_outBuffer to{piece.data(), piece.size(), 0};
    const size_t before = from.pos;
    state = ZSTD_decompressStream(decoder.get(), &to, &from);
    if (ZSTD_getErrorCode(state) == ZSTD_error_frameParameter_windowTooLarge) out.TooLarge();
    if (ZSTD_isError(state)) out.Wrong(ZSTD_getErrorName(state));
    out.Append(piece.data(), to.pos);
    if (state != 0 && to.pos == 0 && from.pos == before) out.Wrong(kCut);
  }
}

struct Coding {
  std::string_view name;
  void (*decode)(std::string_view in, Unpacked& out);
};

constexpr Coding kCodings[] = {{"gzip", InflateGzip},
                               {"x-gzip", InflateGzip},
                               {"deflate", InflateDeflate},
                               {"br", DecodeBrotli},
                               {"zstd", DecodeZstd}};

bool IsIdentity(const std::string& name) { return EqualsIgnoringCase(name, "identity"); }

const Coding* Find(const std::string& name) {
  const auto* found = std::find_if(std::begin(kCodings), std::end(kCodings),
                                   [&](const Coding& coding) { return EqualsIgnoringCase(coding.name, name); });
  return found == std::end(kCodings) ? nullptr : found;
}

api::ApiError Unsupported(const std::string& why) {
  return {415, "invalid_request_error", "unsupported_content_encoding",
          why + " This server takes bodies as they are, or as " + std::string(kContentCodings) + "."};
}

}  // namespace

void CheckContentCodings(const std::vector<std::string>& codings) {
  for (const std::string& name : codings) {
    if (!IsIdentity(name) && Find(name) == nullptr)
      throw Unsupported("The Content-Encoding '" + name.substr(0, 80) + "' is not known here.");
  }
  if (codings.size() > kMaxCodings)
    throw Unsupported("The header Content-Encoding names " + std::to_string(codings.size()) + " codings, " +
                      std::to_string(kMaxCodings) + " at most are undone.");
}

std::string DecodeContent(std::string body, const std::vector<std::string>& codings, size_t limit,
                          const std::function<void(size_t bytes)>& grows) {
  for (auto name = codings.rbegin(); name != codings.rend(); ++name) {
    if (IsIdentity(*name)) continue;
    const size_t packed = body.size();
    const Unpacked::Grows both = [&](size_t bytes) { grows(packed + bytes); };
    Unpacked out(*name, limit, grows ? both : grows);
    Find(*name)->decode(body, out);
    body = out.Take();
  }
  return body;
}

}  // namespace puna::server
