// A key that clients may use: what it is called, and what may be asked with it.
#pragma once

#include <string>
#include <vector>

namespace puna::config {

struct ClientKey {
  std::string name;             // in metrics and logs; empty: it is one of a list without names
  std::string key;              // empty: only its hash is known
  std::string sha256;           // of the key, 64 hexadecimal digits in lower case; empty: the key is known
  int requests_per_minute = 0;  // 0: as many as the server takes; here and below
  int tokens_per_minute = 0;    // of prompts and answers
  int streams = 0;              // requests that are being answered at once
  int share = 1;                // parts of the engine that it has where another key has one
  bool cache_salt = false;      // its prompts find in the prefix cache only what was computed under the same key
};

// What the file says: {"keys": [{"name": "alice", "key": "...", "requests_per_minute": 60, ...}, ...]}, comments allowed. In place
// of `key` there may be `sha256`. Throws ConfigError, which begins with `path` and never holds a key.
std::vector<ClientKey> ReadClientKeys(const std::string& text, const std::string& path);

// Why nobody can use this as a key; empty: one can.
std::string FaultOfKey(const std::string& key);

}  // namespace puna::config
