// Files that are mapped and change under us: a model on a disk that fails, or that somebody writes to while it is served.
#pragma once

#include <functional>
#include <string>
#include <thread>

#include "engine/base/mutex.h"

namespace puna::server {

// From now on SIGBUS, by which the kernel answers reads of what a mapped file no longer has, ends the process with status 1 and
// a line on standard error that names the file. Where no file of ours is at fault, the signal has its usual effect, behind a
// line.
void NameFilesAtFault();

// Asks once a second whether a mapped file was written to: what is computed from it then is worth nothing.
class FileWatch {
 public:
  // Called once, from a thread of its own.
  explicit FileWatch(std::function<void(const std::string& path)> changed);
  ~FileWatch();
  FileWatch(const FileWatch&) = delete;

 private:
  void Run();

  const std::function<void(const std::string&)> changed_;
  engine::Mutex mutex_;
  engine::Condition end_;
  bool ending_ PUNA_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

// What a model's file that changed means, and what to do, for people.
std::string ChangedFileText(const std::string& path);

}  // namespace puna::server
