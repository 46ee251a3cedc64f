// The first step of loading tokenizer.json: its text taken apart, nothing checked but the JSON
// itself.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace puna::engine {

struct RawTokenizerJson {
  struct Entry {
    uint32_t begin;  // in `text`
    uint32_t length;
    int64_t id;
  };
  struct Merge {
    uint32_t begin;  // in `text`: left, then right
    uint32_t left_length;
    uint32_t right_length;
  };

  nlohmann::json config;              // the keys a tokenizer is built from; model.vocab, model.merges and
                                      // added_tokens are there, but empty
  std::string text;                   // of all entries and merges
  std::vector<Entry> vocab;           // model.vocab
  std::vector<Merge> merges;          // model.merges, written as "left right" or as ["left", "right"]
  std::vector<nlohmann::json> added;  // the objects of added_tokens

  std::string_view Text(const Entry& e) const { return {text.data() + e.begin, e.length}; }
  std::string_view Left(const Merge& m) const { return {text.data() + m.begin, m.left_length}; }
  std::string_view Right(const Merge& m) const { return {text.data() + m.begin + m.left_length, m.right_length}; }
};

// Reads the large lists straight into flat memory: building nlohmann's tree of 400000 strings would
// take most of the start. Throws ThrowLoadError's error on anything that is not JSON, is nested too
// deeply, or has entries of the wrong type.
RawTokenizerJson ReadRawTokenizerJson(std::string_view json, std::string_view source);

}  // namespace puna::engine
