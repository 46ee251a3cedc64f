// What names a file's content.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace puna::server {

// Of the first `size` bytes of the file, as hexadecimal digits: its sha256, or else git's name of a blob (sha1 over "blob SIZE\0"
// and the bytes). `go_on` is asked between pieces; where it says no, or the file cannot be read, std::runtime_error.
std::string DigestOfFile(const std::string& path, int64_t size, bool sha256, const std::function<bool()>& go_on);

}  // namespace puna::server
