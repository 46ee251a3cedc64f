// A folder for a store, and what a test does with its files and its responses.
#pragma once

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "server/store/response_store.h"
#include "tests/support/temporary_folder.h"

namespace puna::server {

class StoreFolder {
 public:
  std::string path() const { return root_.PathOf("responses"); }  // not there yet
  std::string file() const { return path() + "/responses.db"; }
  StoreOptions Options() const {
    StoreOptions options;
    options.folder = path();
    return options;
  }

  // Of all files in it, one after the other.
  std::string Bytes() const {
    std::stringstream all;
    for (const auto& entry : std::filesystem::directory_iterator(path())) {
      std::ifstream file(entry.path(), std::ios::binary);
      if (entry.file_size() > 0) all << file.rdbuf();
    }
    return all.str();
  }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(path())) names.push_back(entry.path().filename());
    return names;
  }

 private:
  testing::TemporaryFolder root_;
};

inline api::ResponseItem Say(const std::string& id, const std::string& text, const std::string& role = "assistant") {
  api::ResponseItem item;
  item.id = id;
  item.role = role;
  item.text = text;
  return item;
}

inline bool Begin(ResponseStore& store, const std::string& id, const std::string& after = "",
                  const std::string& owner = "") {
  NewResponse response;
  response.id = id;
  response.owner = owner;
  response.json = R"({"id":")" + id + R"(","status":"in_progress","output":[]})";
  response.input = {Say("msg_in_" + id, "asked " + id, "user")};
  if (!after.empty()) response.after = store.FindEarlier(owner, after).value().turn;
  return store.Begin(response);
}

inline void Put(ResponseStore& store, const std::string& id, const std::string& text, const std::string& after = "",
                const std::string& owner = "") {
  Begin(store, id, after, owner);
  store.End({id, "completed", R"({"id":")" + id + R"("})", "event: x\ndata: {}\n\n", {Say("msg_" + id, text)}});
}

}  // namespace puna::server
