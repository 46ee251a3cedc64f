// libFuzzer entry: any bytes as a tokenizer.model, and as a text to encode. Build with
// clang++ -fsanitize=fuzzer,address,undefined.
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string_view>

#include "engine/base/check.h"
#include "engine/text/utf8.h"
#include "engine/tokenizer/tokenizer.h"

namespace {

using namespace puna::engine;

// A tokenizer whose merges are so dense that any text has many.
Tokenizer DenseTokenizer() {
  TokenizerParts parts;
  TokenId next = 0;
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    parts.vocabulary.AddBase(next++, {&c, 1});
  }
  for (int left = 0; left < 256; ++left) {
    for (int right = left % 3; right < 256; right += 3) {
      const char pair[2] = {static_cast<char>(left), static_cast<char>(right)};
      parts.vocabulary.AddBase(next, {pair, 2});
      parts.merges.Add(left, right, static_cast<uint32_t>(next), next);
      ++next;
    }
  }
  parts.added.push_back({next, "<|x|>", true});
  parts.vocabulary.AddText(next, "<|x|>");
  return Tokenizer(std::move(parts));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Tokenizer tokenizer = DenseTokenizer();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    Tokenizer(ParseTokenizerModel(text, "fuzz", 512));
  } catch (const std::runtime_error&) {
  }
  const std::string repaired = puna::text::ReplaceInvalidUtf8(text);
  PUNA_CHECK(tokenizer.Decode(tokenizer.Encode(text), false) == repaired);
  PUNA_CHECK(tokenizer.Decode(tokenizer.EncodeWithSpecial(text), false) == repaired);
  const PromptPiece pieces[] = {{text.substr(0, size / 2), true}, {text.substr(size / 2), false}};
  PUNA_CHECK(tokenizer.Decode(tokenizer.Encode(pieces), false) == repaired);
  return 0;
}
