// The store's database: a file in a folder of the operator's choice, or memory.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>

#include "server/store/database.h"

namespace puna::server {

// Why the folder cannot be used: one line.
class StoreUnusable : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

std::unique_ptr<Database> OpenInMemory();

// Makes the folder and the file where they are not there, readable by this user alone. A file that is damaged is put aside under
// another name, of which the log tells. Throws StoreUnusable: it cannot be made or written, or it is of another version, or of
// another program.
std::unique_ptr<Database> OpenInFolder(const std::string& folder);

// Puts a damaged file aside. Does not throw.
void PutAside(const std::string& folder, const std::string& why);

// Its path.
std::string StoreFile(const std::string& folder);

}  // namespace puna::server
