// A folder that is gone afterwards.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <stdexcept>
#include <string>

namespace puna::testing {

class TemporaryFolder {
 public:
  // `files`: what it holds at first, by name.
  explicit TemporaryFolder(const std::map<std::string, std::string>& files = {}) {
    std::string name = (std::filesystem::temp_directory_path() / "puna-test-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no folder can be made: " + name);
    path_ = name;
    for (const auto& [file, bytes] : files) Write(file, bytes);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }

  const std::string& path() const { return path_; }
  std::string PathOf(const std::string& file) const { return path_ + "/" + file; }
  // With the folders above the file.
  void Write(const std::string& file, const std::string& bytes) const {
    const std::filesystem::path path = PathOf(file);
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << bytes;
  }
  std::string Read(const std::string& file) const {
    std::ifstream in(PathOf(file), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }
  bool Has(const std::string& file) const { return std::filesystem::exists(PathOf(file)); }

 private:
  std::string path_;
};

}  // namespace puna::testing
