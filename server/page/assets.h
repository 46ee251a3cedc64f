// The files of the page, inside the binary.
#pragma once

#include <string_view>
#include <vector>

namespace puna::server {

struct PageAsset {
  std::string_view path;  // "/": the page itself; all others have names that change with what is in them
  std::string_view content_type;
  std::string_view plain, gzip;  // the same content; gzip is empty where nobody compressed it
  std::string_view etag;         // with its quotes
};

// Defined in a file that the build makes (embed.cmake). They live as long as the process.
std::vector<PageAsset> PageAssets();

}  // namespace puna::server
