#include "server/bench/sse_parser.h"

#include <stdexcept>

namespace puna::server {
namespace {

constexpr size_t kMaxBytes = 16u << 20;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace

void SseParser::Feed(std::string_view bytes, const std::function<void(const std::string&)>& on_data) {
  while (!bytes.empty()) {
    if (after_cr_ && bytes[0] == '\n') {  // the second half of a CR LF
      after_cr_ = false;
      bytes.remove_prefix(1);
      continue;
    }
    after_cr_ = false;
    const size_t end = bytes.find_first_of("\r\n");
    line_.append(bytes.substr(0, end));
    if (line_.size() + data_.size() > kMaxBytes) throw std::runtime_error("an event of more than 16 MiB");
    if (end == std::string_view::npos) return;
    after_cr_ = bytes[end] == '\r';
    bytes.remove_prefix(end + 1);
    EndLine(on_data);
  }
}

void SseParser::EndLine(const std::function<void(const std::string&)>& on_data) {
  const std::string whole = std::move(line_);
  line_.clear();
  std::string_view line = whole;
  if (first_line_ && line.substr(0, 3) == kByteOrderMark) line.remove_prefix(3);
  first_line_ = false;
  if (line.empty()) {
    const std::string data = std::move(data_);
    const bool complete = has_data_;
    data_.clear();
    has_data_ = false;
    if (complete) on_data(data);
    return;
  }
  const size_t colon = line.find(':');
  if (line.substr(0, colon) != "data") return;
  std::string_view value = colon == std::string_view::npos ? "" : line.substr(colon + 1);
  if (!value.empty() && value[0] == ' ') value.remove_prefix(1);
  if (has_data_) data_ += '\n';
  data_ += value;
  has_data_ = true;
}

}  // namespace puna::server
