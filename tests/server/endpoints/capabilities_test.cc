#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "api/fields/request_fields.h"

namespace puna::api {
namespace {

TEST_CASE("the documented tables of fields are the ones that the code makes") {
  std::ifstream file(PUNA_SOURCE_DIR "/api/README.md");
  REQUIRE(file);
  const std::string readme = (std::stringstream() << file.rdbuf()).str();
  INFO("api/README.md must contain what `puna capabilities` prints");
  std::string tables = CapabilitiesMarkdown();
  while (tables.ends_with('\n')) tables.pop_back();  // no document ends in an empty line
  const bool contains_tables = readme.find(tables + "\n") != std::string::npos;
  CHECK(contains_tables);
}

TEST_CASE("tables and JSON say the same of every field") {
  const std::string markdown = CapabilitiesMarkdown();
  const auto json = nlohmann::json::parse(CapabilitiesJson([](const std::string&) { return true; }));
  size_t rows = 0;
  for (const auto& [path, endpoint] : json["endpoints"].items()) {
    CHECK(markdown.find("### `" + path + "`") != std::string::npos);
    for (const auto& field : endpoint["fields"]) {
      ++rows;
      const std::string row = "| `" + field["name"].get<std::string>() + "` | " + field["status"].get<std::string>() +
                              " | " + field["note"].get<std::string>() + " |\n";
      CAPTURE(row);
      CHECK(markdown.find(row) != std::string::npos);
      CHECK(row.find('|', 2) != std::string::npos);
    }
  }
  CHECK(rows > 150);
  // A bar inside a note would break its row.
  for (const RequestField& field : RequestFields()) CHECK(field.note.find('|') == std::string_view::npos);
}

}  // namespace
}  // namespace puna::api
