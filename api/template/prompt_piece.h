// A stretch of a rendered prompt and whom its characters came from.
//
// trusted: written by the chat template itself (its literal text, its string constants, the special-token variables
// that the server gave). Everything else came with the request. Only in trusted text may the text of a special token be
// read as that token; the same characters in an untrusted piece are plain text.
//
// A piece boundary is no token boundary: the ids of a prompt are those of the joined text, cut only at the special
// tokens that lie wholly inside trusted pieces. A tokenizer therefore joins neighbouring plain stretches before it
// splits words.
#pragma once

#include <string>

namespace puna::api {

struct PromptPiece {
  std::string text;  // UTF-8
  bool trusted = false;

  bool operator==(const PromptPiece&) const = default;
};

}  // namespace puna::api
