// libFuzzer entry: any bytes as a tokenizer.json, and what loads must encode and decode. Build with
// clang++ -fsanitize=fuzzer,address,undefined; start from
// tests/engine/tokenizer/data/tokenizer_micro.json.
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/check.h"
#include "engine/tokenizer/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace puna::engine;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const Tokenizer tokenizer = Tokenizer::FromJson(text, "fuzz");
    const std::string sample = "It's 1234 <|eot_id|>  \u4e2d\n";
    for (const std::vector<TokenId>& ids : {tokenizer.Encode(sample), tokenizer.EncodeWithSpecial(sample)}) {
      PUNA_CHECK(tokenizer.Decode(ids, false) == sample);
    }
  } catch (const std::runtime_error&) {
  }
  return 0;
}
