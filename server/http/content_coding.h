// Bodies that come compressed: the codings of Content-Encoding (RFC 9110, section 8.4), undone with bounded memory.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace puna::server {

// What is understood, as in Accept-Encoding: gzip (x-gzip), deflate, br, zstd; identity means none.
inline constexpr std::string_view kContentCodings = "gzip, deflate, br, zstd";

// Throws an ApiError with 415 for a coding that is unknown, and for more of them than anybody applies.
void CheckContentCodings(const std::vector<std::string>& codings);

// Undoes them, the last one first: they stand in the order in which they were applied. Nothing is unpacked beyond `limit`
// bytes, between two codings either; that is an ApiError with 413. One with 400: the bytes are not what their coding says.
// `grows` is told how many bytes there are going to be, packed and unpacked, before there are more; it may throw.
std::string DecodeContent(std::string body, const std::vector<std::string>& codings, size_t limit,
                          const std::function<void(size_t bytes)>& grows = nullptr);

}  // namespace puna::server
