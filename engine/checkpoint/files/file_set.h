// FileSet: the files of a model by name, in a folder or in memory.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/checkpoint/files/mapped_file.h"

namespace puna::engine {

class FileSet {
 public:
  // instead: contents by name of files that stand for those of the folder, whether it has some of that name or not.
  static FileSet Folder(const std::string& path, const std::map<std::string, std::string>& instead = {});
  // The bytes must outlive everything that is opened from them.
  static FileSet Memory(std::string name, std::map<std::string, std::span<const std::byte>> files);

  const std::string& path() const { return path_; }
  std::string PathOf(const std::string& name) const { return path_ + "/" + name; }
  bool Has(const std::string& name) const;
  std::vector<std::string> Names() const;  // sorted
  // Throws std::runtime_error when there is no such file.
  std::shared_ptr<const MappedFile> Open(const std::string& name) const;

 private:
  std::string path_;
  bool in_memory_ = false;
  std::map<std::string, std::span<const std::byte>> files_;
  std::map<std::string, std::shared_ptr<const MappedFile>> instead_;
};

}  // namespace puna::engine
