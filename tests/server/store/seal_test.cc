#include "server/store/seal.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <fstream>
#include <stdexcept>
#include <string>

#include "tests/support/temporary_folder.h"

namespace puna::server {
namespace {

TEST_CASE("what was sealed is opened by the same key for the same owner, whole") {
  const Seal seal;
  for (const size_t size : {0, 1, 2, 3, 15, 16, 17, 100, 100'000}) {
    CAPTURE(size);
    const std::string text(size, 'x');
    const std::string sealed = seal.Close(text, "owner");
    CHECK(seal.Open(sealed, "owner") == text);
    CHECK(sealed != seal.Close(text, "owner"));  // what is equal does not show
    CHECK(!seal.Open(sealed, "").has_value());
    CHECK(!seal.Open(sealed, "another").has_value());
    CHECK(!Seal().Open(sealed, "owner").has_value());
  }
}

TEST_CASE("no changed, cut or longer text is opened") {
  const Seal seal;
  const std::string sealed = seal.Close("A summary of what was said.", "");
  for (size_t i = 0; i < sealed.size(); ++i) {
    CAPTURE(i);
    CHECK(!seal.Open(sealed.substr(0, i), "").has_value());
    for (const char c : {'A', 'b', '7', '=', '.', '\n', '\xff'}) {
      std::string changed = sealed;
      if (changed[i] == c) continue;
      changed[i] = c;
      CHECK(!seal.Open(changed, "").has_value());
    }
  }
  CHECK(!seal.Open(sealed + "AAAA", "").has_value());
  CHECK(!seal.Open(std::string(1000, '='), "").has_value());
}

TEST_CASE("a key in a file is found again, and is this user's alone") {
  const testing::TemporaryFolder folder;
  const std::string file = folder.PathOf("seal.key");
  const std::string sealed = Seal(file).Close("kept", "");
  CHECK(Seal(file).Open(sealed, "") == "kept");
  struct stat about {};
  REQUIRE(stat(file.c_str(), &about) == 0);
  CHECK((about.st_mode & 0777) == 0600);
  std::ofstream(file) << "short";
  CHECK_THROWS_AS(Seal{file}, std::runtime_error);
  CHECK_THROWS_AS(Seal{folder.PathOf("no/such/folder/seal.key")}, std::runtime_error);
}

}  // namespace
}  // namespace puna::server
