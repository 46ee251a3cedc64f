// Llama 3's pre-tokenizer: cuts text into the pieces that BPE never merges across.
#pragma once

#include <cstddef>
#include <string_view>

namespace puna::engine {

// The only split pattern this scanner implements; a tokenizer.json must state exactly this one.
inline constexpr std::string_view kLlama3SplitPattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

// The end of the pre-token that starts at `pos`. `text` must be valid UTF-8, `pos` < text.size()
// the start of a character. The first alternative of the pattern that matches wins, and every text
// matches one of them, so repeated calls from 0 cover the whole text. Constant extra memory; time
// linear in the pre-token and the one after it.
size_t PreTokenEnd(std::string_view text, size_t pos);

}  // namespace puna::engine
