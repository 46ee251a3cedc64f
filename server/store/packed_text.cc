#include "server/store/packed_text.h"

#include <zstd.h>

#include <memory>
#include <stdexcept>

namespace puna::server {
namespace {

constexpr unsigned long long kLargest = 1ull << 30;  // nothing that is stored comes near

}  // namespace

std::string PackText(std::string_view text) {
  const std::unique_ptr<ZSTD_CCtx, size_t (*)(ZSTD_CCtx*)> context(ZSTD_createCCtx(), ZSTD_freeCCtx);
  if (!context) throw std::bad_alloc();
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
  std::string packed(ZSTD_compressBound(text.size()), '\0');
  const size_t size = ZSTD_compress2(context.get(), packed.data(), packed.size(), text.data(), text.size());
  if (ZSTD_isError(size)) throw std::runtime_error(std::string("a text cannot be packed: ") + ZSTD_getErrorName(size));
  packed.resize(size);
  return packed;
}

std::optional<std::string> UnpackText(std::string_view packed) {
  const unsigned long long size = ZSTD_getFrameContentSize(packed.data(), packed.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN || size > kLargest) return std::nullopt;
  std::string text(size, '\0');
  const size_t written = ZSTD_decompress(text.data(), text.size(), packed.data(), packed.size());
  if (ZSTD_isError(written) || written != size) return std::nullopt;
  return text;
}

size_t UnpackedBytes(std::string_view head) {
  const unsigned long long size = ZSTD_getFrameContentSize(head.data(), head.size());
  return size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN || size > kLargest ? 0 : size;
}

}  // namespace puna::server
