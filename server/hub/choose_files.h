// Which of a repository's files make the model that was asked for.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace puna::server {

struct HubFile {
  std::string path;  // in the repository, with / between folders
  int64_t size = 0;  // bytes
  std::string etag;  // names the content: its sha256, or git's sha1 of it
  bool is_sha256 = true;
  bool operator==(const HubFile&) const = default;
};

struct Choice {
  std::vector<HubFile> files;  // all that is needed, each once
  std::string open;            // which of them the engine opens; empty: the folder that holds them
};

// Reads a small file of the repository: an index of shards.
using ReadHubFile = std::function<std::string(const HubFile&)>;

// By `tag`: a quantisation (whole words of a file's path, without case: Q4_K is not Q4_K_M, F16 not BF16) or a file's name. Without
// one: safetensors if there are some, else GGUF in Q4_K_M, Q8_0, or the first by name. A split file comes whole; of safetensors
// the shards that their index names, with configuration and tokenizer and nothing else. `repo` is for messages.
// Throws std::runtime_error: what there is to choose from.
Choice ChooseFiles(const std::vector<HubFile>& files, const std::string& tag, const std::string& repo,
                   const ReadHubFile& read);

// Whether nothing but the tag decided, or the quantisation that is taken first: what else the repository has would change nothing.
bool IsCertain(const Choice& choice, const std::string& tag);

// The quantisation that a file's name tells, "Q4_K_M"; else the name itself.
std::string QuantisationIn(const std::string& path);

// A path that stays below the folder that it is put into, and that a file system can hold.
bool IsSafePath(const std::string& path);

}  // namespace puna::server
