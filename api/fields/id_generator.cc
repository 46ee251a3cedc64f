#include "api/fields/id_generator.h"

namespace puna::api {

IdGenerator::IdGenerator() {
  std::random_device device;
  std::seed_seq seed{device(), device(), device(), device(), device(), device()};
  random_.seed(seed);
}

std::string IdGenerator::Next(std::string_view prefix) {
  static constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  constexpr int kLength = 24;
  std::string id(prefix);
  std::uniform_int_distribution<size_t> draw(0, kLetters.size() - 1);
  for (int i = 0; i < kLength; ++i) id += kLetters[draw(random_)];
  return id;
}

}  // namespace puna::api
