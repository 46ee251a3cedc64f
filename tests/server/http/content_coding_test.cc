#include "server/http/content_coding.h"

#include <brotli/encode.h>
#include <doctest/doctest.h>
#include <zlib.h>
#include <zstd.h>

#include <functional>
#include <new>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "api/json/error.h"
#include "tests/server/http/http_fixture.h"

namespace puna::server {
namespace {

constexpr size_t kLimit = 1 << 20;

std::string Deflate(const std::string& text, int window_bits) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 9, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  std::string in = text;
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}
std::string Gzip(const std::string& text) { return Deflate(text, 15 + 16); }
std::string Zlib(const std::string& text) { return Deflate(text, 15); }
std::string Bare(const std::string& text) { return Deflate(text, -15); }

std::string Brotli(const std::string& text) {
  std::string out(BrotliEncoderMaxCompressedSize(text.size()) + 64, '\0');
  size_t size = out.size();
  REQUIRE(BrotliEncoderCompress(5, 22, BROTLI_MODE_TEXT, text.size(), reinterpret_cast<const uint8_t*>(text.data()),
                                &size, reinterpret_cast<uint8_t*>(out.data())));
  out.resize(size);
  return out;
}

std::string Zstd(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

// A frame that says it looks back over 2^window_log bytes, as `zstd --long` writes it.
std::string ZstdWithWindow(const std::string& text, int window_log) {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log);
  ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
  std::string out(ZSTD_compressBound(text.size()), '\0');
  ZSTD_inBuffer from{text.data(), text.size(), 0};
  ZSTD_outBuffer to{out.data(), out.size(), 0};
  ZSTD_inBuffer none{nullptr, 0, 0};
  ZSTD_compressStream2(context, &to, &from, ZSTD_e_continue);  // before its length is known
  REQUIRE(ZSTD_compressStream2(context, &to, &none, ZSTD_e_end) == 0);
  ZSTD_freeCCtx(context);
  out.resize(to.pos);
  return out;
}

struct Kind {
  std::string name;
  std::function<std::string(const std::string&)> encode;
};
const std::vector<Kind> kKinds = {{"gzip", Gzip},    {"x-GZIP", Gzip}, {"deflate", Zlib},
                                  {"deflate", Bare}, {"br", Brotli},   {"zstd", Zstd}};

int StatusOf(const std::string& body, const std::vector<std::string>& codings) {
  try {
    DecodeContent(body, codings, kLimit);
    return 200;
  } catch (const api::ApiError& error) {
    CHECK(error.message().find("Content-Encoding") != std::string::npos);
    return error.status();
  }
}

std::string Noise(size_t size) {
  std::string text(size, '\0');
  uint32_t state = 1;
  for (char& c : text) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  return text;
}

TEST_CASE("whoever counts is told before there is more, and may end it") {
  const std::string text(kLimit - 1, 'x');
  for (const std::string& packed : {Gzip(text), Brotli(text), Zstd(text)}) {
    const std::string coding = packed == Gzip(text) ? "gzip" : packed == Brotli(text) ? "br" : "zstd";
    CAPTURE(coding);
    size_t told = 0;
    DecodeContent(packed, {coding}, kLimit, [&](size_t bytes) { told = bytes; });
    CHECK(told == packed.size() + text.size());
    const auto refuse = [&](size_t bytes) {
      told = bytes;
      if (bytes > 100'000) throw std::bad_alloc();
    };
    CHECK_THROWS_AS(DecodeContent(packed, {coding}, kLimit, refuse), std::bad_alloc);
    CHECK(told < 200'000);
  }
}

TEST_CASE("every coding gives back what was packed, whatever its size") {
  for (const Kind& kind : kKinds) {
    CAPTURE(kind.name);
    for (const std::string& text : {std::string(), std::string("{}"), std::string(32768, 'x'), Noise(100000),
                                    Noise(kLimit), std::string(kLimit, ' ')})
      CHECK(DecodeContent(kind.encode(text), {kind.name}, kLimit) == text);
  }
  CHECK(DecodeContent("as it is", {"identity", "Identity"}, kLimit) == "as it is");
}

TEST_CASE("codings on top of each other are undone from the last one to the first") {
  const std::string text = R"({"input": "twice"})";
  CHECK(DecodeContent(Zstd(Gzip(text)), {"gzip", "identity", "zstd"}, kLimit) == text);
  CHECK(DecodeContent(Brotli(Zlib(Zstd(text))), {"zstd", "deflate", "br"}, kLimit) == text);
  CHECK(StatusOf(Zstd(Gzip(text)), {"zstd", "gzip"}) == 400);
}

TEST_CASE("several members and frames are one body, as their formats have it") {
  CHECK(DecodeContent(Gzip("one ") + Gzip("two"), {"gzip"}, kLimit) == "one two");
  CHECK(DecodeContent(Zstd("one ") + Zstd("two"), {"zstd"}, kLimit) == "one two");
}

TEST_CASE("a bomb stops at the limit, also one inside another") {
  const std::string much(64 * kLimit, '0');
  for (const Kind& kind : kKinds) {
    CAPTURE(kind.name);
    CHECK(StatusOf(kind.encode(std::string(kLimit + 1, ' ')), {kind.name}) == 413);
    const std::string bomb = kind.encode(much);
    CHECK(bomb.size() < kLimit);
    CHECK(StatusOf(bomb, {kind.name}) == 413);
    CHECK(StatusOf(Gzip(bomb), {kind.name, "gzip"}) == 413);
  }
}

TEST_CASE("a zstd frame takes no more memory to unpack than the largest body") {
  CHECK(StatusOf(ZstdWithWindow("{}", 23), {"zstd"}) == 200);  // what every receiver must take
  CHECK(StatusOf(ZstdWithWindow("{}", 24), {"zstd"}) == 413);
  CHECK(DecodeContent(ZstdWithWindow("{}", 25), {"zstd"}, 32 * kLimit) == "{}");
}

TEST_CASE("what is cut, changed, or followed by more is told from what is whole") {
  const std::string text = Noise(3000) + std::string(3000, 'a');
  for (const Kind& kind : kKinds) {
    CAPTURE(kind.name);
    const std::string packed = kind.encode(text);
    for (const size_t kept : {size_t{0}, size_t{1}, packed.size() / 2, packed.size() - 1})
      CHECK(StatusOf(packed.substr(0, kept), {kind.name}) == 400);
    CHECK(StatusOf(packed + "trailing", {kind.name}) == 400);
    CHECK(StatusOf("{\"plain\": \"json\"}", {kind.name}) == 400);
  }
  for (const Kind& checked : {kKinds[0], kKinds[2]}) {  // those with a checksum
    std::string packed = checked.encode(text);
    packed[packed.size() / 2] ^= 1;
    CHECK(StatusOf(packed, {checked.name}) == 400);
  }
}

TEST_CASE("unknown codings, and more of them than anybody applies") {
  CHECK_NOTHROW(CheckContentCodings({"GZip", "identity", "br", "zstd"}));
  for (const std::vector<std::string>& wrong : std::vector<std::vector<std::string>>{
           {"compress"}, {"gzip", "aes128gcm"}, {""}, std::vector<std::string>(5, "gzip")}) {
    try {
      CheckContentCodings(wrong);
      FAIL("taken");
    } catch (const api::ApiError& error) {
      CHECK(error.status() == 415);
      CHECK(error.code() == "unsupported_content_encoding");
      CHECK(error.message().find("gzip, deflate, br, zstd") != std::string::npos);
    }
  }
}

TEST_CASE("over the wire: unpacked for the handler, refused with what is taken, and the connection lives on") {
  HttpFixture f;
  const WireClient c(f.port());
  const auto post = [&](const std::string& fields, const std::string& body) {
    c.Send("POST /size HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + fields +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    return c.ReadReply();
  };
  const std::string text(100000, 'x');
  for (const Kind& kind : kKinds)
    CHECK(post("content-encoding: " + kind.name + "\r\n", kind.encode(text)).second == "100000");
  CHECK(post("Content-Encoding: gzip\r\nContent-Encoding: , zstd\r\n", Zstd(Gzip(text))).second == "100000");
  const auto [head, body] = post("Content-Encoding: gzip, compress\r\n", Gzip(text));
  CHECK(head.starts_with("HTTP/1.1 415"));
  CHECK(head.find("Accept-Encoding: gzip, deflate, br, zstd\r\n") != std::string::npos);
  CHECK(nlohmann::json::parse(body)["error"]["message"].get<std::string>().find("Content-Encoding") !=
        std::string::npos);
  CHECK(post("Content-Encoding: gzip\r\n", Gzip(std::string(kLimit + 1, 'x'))).first.starts_with("HTTP/1.1 413"));
  CHECK(post("Content-Encoding: br\r\n", text).first.starts_with("HTTP/1.1 400"));
  CHECK(post("Content-Encoding: gzip\r\n", "").second == "0");  // nothing is not packed
  CHECK(post("", text).second == "100000");
}

}  // namespace
}  // namespace puna::server
