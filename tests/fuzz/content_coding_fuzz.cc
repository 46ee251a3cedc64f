// libFuzzer: whatever stands in a compressed body, unpacking it ends, with no more than its limit or with the client's fault. The
// first byte chooses the codings.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "api/json/error.h"
#include "server/http/content_coding.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  constexpr size_t kLimit = 1 << 16;
  static const char* const names[] = {"gzip", "deflate", "br", "zstd"};
  std::vector<std::string> codings = {names[data[0] & 3]};
  if ((data[0] & 4) != 0) codings.insert(codings.begin(), names[(data[0] >> 3) & 3]);
  try {
    const std::string text =
        puna::server::DecodeContent(std::string(reinterpret_cast<const char*>(data) + 1, size - 1), codings, kLimit);
    if (text.size() > kLimit) std::abort();
  } catch (const puna::api::ApiError& error) {
    if (error.status() != 400 && error.status() != 413) std::abort();
  }
  return 0;
}
