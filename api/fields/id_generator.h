// Ids as clients know them: chatcmpl-..., call_..., resp_....
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>

namespace puna::api {

// One per request, not shared between threads.
class IdGenerator {
 public:
  IdGenerator();  // from the system's entropy
  explicit IdGenerator(uint64_t seed) : random_(seed) {}

  // `prefix` and 24 letters and digits (142 bits drawn).
  std::string Next(std::string_view prefix);

 private:
  std::mt19937_64 random_;
};

}  // namespace puna::api
