#include "server/http/accept.h"

#include <algorithm>
#include <cstdlib>
#include <string>

#include "server/http/request_head.h"

namespace puna::server {
namespace {

std::string_view Trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  return begin == text.npos ? "" : text.substr(begin, text.find_last_not_of(" \t") + 1 - begin);
}

// Cuts what stands before `mark`, and it, off `text`; all of it when it is not there.
std::string_view CutUntil(char mark, std::string_view& text) {
  const size_t end = std::min(text.find(mark), text.size());
  const std::string_view piece = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return Trimmed(piece);
}

}  // namespace

std::optional<double> WeightOf(std::string_view name, std::string_view field) {
  while (!field.empty()) {
    std::string_view item = CutUntil(',', field);
    if (!EqualsIgnoringCase(CutUntil(';', item), name)) continue;
    while (!item.empty()) {
      const std::string_view parameter = CutUntil(';', item);
      if (parameter.starts_with("q=") || parameter.starts_with("Q="))
        return std::strtod(std::string(parameter.substr(2)).c_str(), nullptr);
    }
    return 1;
  }
  return std::nullopt;
}

}  // namespace puna::server
