// Reads .npy files (version 1.0, little endian, C order) of the golden data.
#pragma once

#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

namespace puna::testing {

template <typename T>
struct Npy {
  std::vector<int64_t> shape;
  std::vector<T> data;
};

// T must be the file's element type: float, int32_t or int64_t.
template <typename T>
Npy<T> ReadNpy(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error(path + ": cannot be opened");
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  if (bytes.size() < 10 || bytes.compare(0, 6, "\x93NUMPY") != 0) throw std::runtime_error(path + ": not an .npy file");
  const size_t header = static_cast<uint8_t>(bytes[8]) + 256u * static_cast<uint8_t>(bytes[9]);
  const std::string text = bytes.substr(10, header);
  Npy<T> npy;
  size_t count = 1;
  size_t at = text.find('(') + 1;
  while (text[at] != ')') {
    size_t used = 0;
    npy.shape.push_back(std::stoll(text.substr(at), &used));
    count *= npy.shape.back();
    at += used;
    while (text[at] == ',' || text[at] == ' ') ++at;
  }
  if (bytes.size() != 10 + header + count * sizeof(T)) throw std::runtime_error(path + ": size and shape differ");
  npy.data.resize(count);
  std::memcpy(npy.data.data(), bytes.data() + 10 + header, count * sizeof(T));
  return npy;
}

}  // namespace puna::testing
