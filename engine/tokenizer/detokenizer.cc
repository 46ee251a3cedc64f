#include "engine/tokenizer/detokenizer.h"

#include <algorithm>
#include <utility>

#include "engine/text/utf8.h"

namespace puna::engine {
namespace {

// ED and A0..BF would begin a surrogate, which no byte can complete. The reference (Python's
// incremental decoder) still waits for the third byte, so as to take all three together; so do we.
bool EndsInSurrogate(std::string_view text) {
  return text.size() >= 2 && text[text.size() - 2] == '\xed' && (text.back() & 0xe0) == 0xa0;
}

// How many bytes at the end of `text` are a character that only lacks bytes.
size_t UnfinishedTail(std::string_view text) {
  if (EndsInSurrogate(text)) return 2;
  const size_t longest = std::min<size_t>(3, text.size());
  for (size_t n = 1; n <= longest; ++n) {
    const text::Utf8Char c = text::DecodeUtf8(text.substr(text.size() - n));
    if (c.status == text::Utf8Char::Status::kIncomplete && c.length == n) return n;
  }
  return 0;
}

}  // namespace

std::string Detokenizer::Add(TokenId id) {
  if (skip_special_tokens_ && tokenizer_->IsSpecial(id)) return {};
  std::string text = std::exchange(held_, {});
  text += tokenizer_->Bytes(id);
  const size_t whole = text.size() - UnfinishedTail(text);
  held_ = text.substr(whole);
  text.resize(whole);
  if (text::ValidUtf8Prefix(text) == whole) return text;
  return text::ReplaceInvalidUtf8(text);
}

std::string Detokenizer::Flush() { return text::ReplaceInvalidUtf8(std::exchange(held_, {})); }

}  // namespace puna::engine
