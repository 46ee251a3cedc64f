// Files that the tokenizer's tests read.
#pragma once

#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/text/utf8.h"
#include "engine/tokenizer/tokenizer.h"

namespace puna::engine::test {

inline std::string DataPath(const std::string& name) {
  return std::string(PUNA_SOURCE_DIR) + "/tests/engine/tokenizer/data/" + name;
}

inline std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline std::vector<nlohmann::json> ReadJsonLines(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot read " + path);
  std::vector<nlohmann::json> rows;
  for (std::string line; std::getline(file, line);) rows.push_back(nlohmann::json::parse(line));
  return rows;
}

inline const Tokenizer& MicroTokenizer() {
  static const Tokenizer tokenizer = Tokenizer::FromFile(DataPath("tokenizer_micro.json"));
  return tokenizer;
}

// Text of valid UTF-8 that is rich in what the pre-tokenizer tells apart.
inline std::string RandomText(std::mt19937& random, size_t max_chars) {
  static const std::vector<uint32_t> kTelling = {
      ' ',    ' ',    ' ',   '\n', '\r', '\t',   '\'',  's',  'S',    'l',     'v',    'e',    'r',
      'd',    't',    'm',   '1',  '9',  '.',    '<',   '|',  '>',    0x17f,   0xa0,   0x85,   0x3000,
      0x200b, 0xfeff, 0x660, 0xb2, 0xbd, 0x216b, 0x301, 0xe9, 0x4e2d, 0x1f600, 0x200d, 0xfffd, 0x10ffff};
  const auto below = [&](uint32_t n) { return static_cast<uint32_t>(random() % n); };
  std::string text;
  for (size_t n = below(max_chars + 1); n > 0; --n) {
    uint32_t c = kTelling[below(kTelling.size())];
    if (const uint32_t kind = below(8); kind == 0) {
      c = below(0x110000);
    } else if (kind < 4) {
      c = 'a' + below(26);
    }
    if (c >= 0xd800 && c < 0xe000) c = '?';
    text::AppendUtf8(c, text);
  }
  return text;
}

}  // namespace puna::engine::test
