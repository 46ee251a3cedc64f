// The entries of a zip archive that are stored uncompressed, as torch.save writes them, with zip64 for large ones.
// Format: PKWARE APPNOTE 6.3.9, sections 4.3.7 (local header), 4.3.12 (central directory), 4.3.14 to 4.3.16 (its end).
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>

#include "engine/checkpoint/files/mapped_file.h"

namespace puna::engine {

// Name to bytes, in place. Compressed, encrypted, doubled entries and any that lie outside the file are errors
// (std::runtime_error with path, entry, expected, found).
std::map<std::string, std::span<const std::byte>> ReadZipDirectory(const MappedFile& file);

}  // namespace puna::engine
