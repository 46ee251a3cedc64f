#include <doctest/doctest.h>

#include <fstream>
#include <sstream>

#include "config/help.h"

namespace puna::config {
namespace {

TEST_CASE("the README's table of options is the one that the code makes") {
  std::ifstream file(PUNA_SOURCE_DIR "/README.md");
  REQUIRE(file);
  const std::string readme = (std::stringstream() << file.rdbuf()).str();
  INFO("README.md must contain this table, as it is:\n" << OptionsMarkdown());
  const bool contains_table = readme.find(OptionsMarkdown()) != std::string::npos;
  CHECK(contains_table);
}

}  // namespace
}  // namespace puna::config
