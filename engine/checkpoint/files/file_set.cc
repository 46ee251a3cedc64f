#include "engine/checkpoint/files/file_set.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "engine/checkpoint/files/checkpoint_fault.h"

namespace puna::engine {

FileSet FileSet::Folder(const std::string& path, const std::map<std::string, std::string>& instead) {
  FileSet set;
  set.path_ = path.empty() ? "." : path;
  while (set.path_.size() > 1 && set.path_.back() == '/') set.path_.pop_back();
  for (const auto& [name, bytes] : instead) set.instead_[name] = MappedFile::Keep(set.PathOf(name), bytes);
  return set;
}

FileSet FileSet::Memory(std::string name, std::map<std::string, std::span<const std::byte>> files) {
  FileSet set;
  set.path_ = std::move(name);
  set.in_memory_ = true;
  set.files_ = std::move(files);
  return set;
}

bool FileSet::Has(const std::string& name) const {
  if (in_memory_) return files_.count(name) > 0;
  std::error_code error;
  return std::filesystem::exists(PathOf(name), error) || instead_.count(name) > 0;
}

std::vector<std::string> FileSet::Names() const {
  std::vector<std::string> names;
  if (in_memory_) {
    for (const auto& [name, bytes] : files_) names.push_back(name);
    return names;
  }
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(path_, error)) {
    names.push_back(entry.path().filename().string());
  }
  for (const auto& [name, file] : instead_) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::shared_ptr<const MappedFile> FileSet::Open(const std::string& name) const {
  if (const auto known = instead_.find(name); known != instead_.end()) return known->second;
  if (!in_memory_) return MappedFile::Open(PathOf(name));
  const auto it = files_.find(name);
  if (it == files_.end()) {
    Throw({.path = PathOf(Printable(name)),
           .expected = "a file",
           .found = "none of this name",
           .remedy = "add it to the model's files"});
  }
  return MappedFile::Borrow(PathOf(name), it->second);
}

}  // namespace puna::engine
