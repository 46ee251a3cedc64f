// Answers of /v1/completions: text_completion objects, whole and as stream chunks.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/fields/response_parts.h"

namespace puna::api {

struct CompletionChoice {
  int index = 0;
  std::string text;
  std::string finish_reason;  // stop, length; empty in chunks before the last: null
  std::optional<std::vector<PositionLogprobs>> logprobs;
  int text_offset = 0;  // characters before the first of `logprobs`
};

std::string CompletionJson(const ResponseHead& head, const std::vector<CompletionChoice>& choices, const Usage& usage,
                           bool tokens_as_ids = false);

class CompletionChunks {
 public:
  CompletionChunks(ResponseHead head, bool include_usage, bool tokens_as_ids = false)
      : head_(std::move(head)), include_usage_(include_usage), tokens_as_ids_(tokens_as_ids) {}

  std::string Chunk(const CompletionChoice& choice) const;
  std::string UsageChunk(const Usage& usage) const;

 private:
  ResponseHead head_;
  bool include_usage_;
  bool tokens_as_ids_;
};

// Characters (code points) that begin in the bytes: how text_offset counts.
int CountCharacters(const std::string& bytes);

}  // namespace puna::api
