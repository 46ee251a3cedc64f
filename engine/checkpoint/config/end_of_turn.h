// The names of the special tokens with which models end their turn, as far as a token's name tells it.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace puna::engine {

// Llama 3's, and those that its fine-tunes bring with other chat formats.
inline constexpr std::array<std::string_view, 8> kEndsOfTurn = {
    "<|eot_id|>", "<|eom_id|>",    "<|end_of_text|>", "<|im_end|>",
    "<|end|>",    "<|endoftext|>", "<end_of_turn>",   "<｜end▁of▁sentence｜>"};

inline bool IsEndOfTurn(std::string_view token) {
  return std::find(kEndsOfTurn.begin(), kEndsOfTurn.end(), token) != kEndsOfTurn.end();
}

}  // namespace puna::engine
