#include "server/hub/hf_cache.h"

#include <doctest/doctest.h>

#include "server/hub/fetch_model.h"
#include "server/hub/fetch_progress.h"
#include "server/hub/list_models.h"
#include "server/hub/locate_model.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/throws.h"

namespace puna::server {
namespace {

using testing::TemporaryFolder;

const std::string kCommit(40, 'c');

HubFile File(const std::string& path, char digit) {
  return {.path = path, .size = 4, .etag = std::string(64, digit), .is_sha256 = true};
}

// A cache with files of one commit, as a download leaves it.
class Cache {
 public:
  Cache() {
    settings_.hf_cache = folder_.path();
    settings_.llama_cache = folder_.path() + "/llama.cpp";
    settings_.store = folder_.path() + "/store";
  }
  void Add(const std::string& repo, const HubFile& file, const std::string& commit = kCommit) const {
    const std::string repo_folder = RepoFolder(folder_.path(), repo);
    folder_.Write(
        "models--" + repo.substr(0, repo.find('/')) + "--" + repo.substr(repo.find('/') + 1) + "/blobs/" + file.etag,
        "GGUF");
    LinkIntoSnapshot(repo_folder, commit, file);
    WriteRef(repo_folder, "main", commit);
  }
  std::optional<LocalModel> Find(const std::string& name) const { return FindModel(settings_, *ParseModelName(name)); }
  const HubSettings& settings() const { return settings_; }
  const TemporaryFolder& folder() const { return folder_; }

 private:
  TemporaryFolder folder_;
  HubSettings settings_;
};

TEST_CASE("a file of the cache is found by quantisation, revision and commit, and links are relative") {
  const Cache cache;
  cache.Add("org/name", File("x-Q4_K_M.gguf", 'a'));
  cache.Add("org/name", File("sub/x-Q8_0.gguf", 'b'));
  const std::string snapshot = cache.folder().path() + "/models--org--name/snapshots/" + kCommit;
  CHECK(cache.Find("hf:org/name:Q4_K_M")->path == snapshot + "/x-Q4_K_M.gguf");
  CHECK(cache.Find("hf:org/name:Q8_0")->path == snapshot + "/sub/x-Q8_0.gguf");
  CHECK(cache.Find("hf:org/name@" + kCommit)->path == snapshot + "/x-Q4_K_M.gguf");
  CHECK_FALSE(cache.Find("hf:org/name:Q5_0").has_value());
  CHECK_FALSE(cache.Find("hf:org/name@other").has_value());
  CHECK(std::filesystem::read_symlink(snapshot + "/sub/x-Q8_0.gguf") == "../../../blobs/" + std::string(64, 'b'));
}

TEST_CASE("what is not whole is not found") {
  const Cache cache;
  cache.Add("org/split", File("x-Q4_0-00001-of-00002.gguf", 'a'));
  CHECK_FALSE(cache.Find("hf:org/split:Q4_0").has_value());
  cache.Add("org/split", File("x-Q4_0-00002-of-00002.gguf", 'b'));
  CHECK(cache.Find("hf:org/split:Q4_0").has_value());
  std::filesystem::remove(cache.folder().path() + "/models--org--split/blobs/" + std::string(64, 'b'));
  CHECK_FALSE(cache.Find("hf:org/split:Q4_0").has_value());
  cache.Add("org/folder", File("config.json", 'c'));
  cache.Add("org/folder", File("model.safetensors", 'd'));
  CHECK_FALSE(cache.Find("hf:org/folder").has_value());
  cache.Add("org/folder", File("tokenizer.json", 'e'));
  CHECK(cache.Find("hf:org/folder")->path == cache.folder().path() + "/models--org--folder/snapshots/" + kCommit);
}

TEST_CASE("llama.cpp's flat files are found") {
  const Cache cache;
  cache.folder().Write("llama.cpp/org_name_x-Q4_K_M.gguf", "GGUF");
  CHECK(cache.Find("hf:org/name:Q4_K_M")->path == cache.folder().path() + "/llama.cpp/org_name_x-Q4_K_M.gguf");
  CHECK_FALSE(cache.Find("hf:org/other:Q4_K_M").has_value());
}

TEST_CASE("models are listed by the names that find them") {
  const Cache cache;
  cache.Add("org/name", File("x-Q4_K_M.gguf", 'a'));
  cache.Add("org/name", File("x-Q8_0.gguf", 'b'));
  cache.Add("org/folder", File("config.json", 'c'));
  cache.Add("org/folder", File("model.safetensors", 'd'));
  cache.Add("org/folder", File("tokenizer.json", 'e'));
  std::vector<std::string> names;
  for (const ListedModel& model : ListModels(cache.settings())) names.push_back(model.name.Text());
  CHECK(names == std::vector<std::string>{"hf:org/folder", "hf:org/name:Q4_K_M", "hf:org/name:Q8_0"});
}

TEST_CASE("removing takes one model, its blob, and the repository with the last one") {
  const Cache cache;
  cache.Add("org/name", File("x-Q4_K_M.gguf", 'a'));
  cache.Add("org/name", File("x-Q8_0.gguf", 'b'));
  CHECK(RemoveModel(cache.settings(), *ParseModelName("hf:org/name:Q8_0")) == 4);
  CHECK(cache.Find("hf:org/name:Q4_K_M").has_value());
  CHECK_FALSE(cache.folder().Has("models--org--name/blobs/" + std::string(64, 'b')));
  CHECK(testing::MessageOf([&] { RemoveModel(cache.settings(), *ParseModelName("hf:org/other")); }).find("is not in") !=
        std::string::npos);
  CHECK(RemoveModel(cache.settings(), *ParseModelName("hf:org/name")) == 4);
  CHECK_FALSE(cache.folder().Has("models--org--name"));
}

TEST_CASE("a blob that another commit links to stays until that goes, too") {
  const Cache cache;
  cache.Add("org/name", File("x-Q8_0.gguf", 'b'), std::string(40, 'd'));
  cache.Add("org/name", File("y-Q8_0.gguf", 'b'));
  CHECK(RemoveFiles(cache.settings().hf_cache, "org/name", {"y-Q8_0.gguf"}) == 0);
  CHECK(cache.folder().Has("models--org--name/blobs/" + std::string(64, 'b')));
  CHECK(RemoveFiles(cache.settings().hf_cache, "org/name", {"x-Q8_0.gguf"}) == 4);
}

TEST_CASE("progress as it is told") {
  CHECK(ProgressText(870'000'000, 2'020'000'000, 23.4e6, false) == "43 % 870 MB of 2.02 GB, 23 MB/s, 0:49 left");
  CHECK(ProgressText(0, 100, 0, true) == "0 % [------------------------] 0 bytes of 100 bytes");
  CHECK(ProgressText(50, 100, 0, true) == "50 % [############------------] 50 bytes of 100 bytes");
  CHECK(ProgressText(0, 0, 0, false) == "100 % 0 bytes of 0 bytes");
  CHECK(ProgressText(0, 100'000'000'000, 1e6, false) == "0 % 0 bytes of 100.00 GB, 1 MB/s, 27 h 46 min left");
}

TEST_CASE("what does not fit into memory is told with what would") {
  const std::vector<HubFile> files = {{.path = "x-Q4_K_M.gguf", .size = 2000, .etag = "", .is_sha256 = true},
                                      {.path = "x-Q3_K_M.gguf", .size = 1600, .etag = "", .is_sha256 = true},
                                      {.path = "x-Q2_K.gguf", .size = 1200, .etag = "", .is_sha256 = true}};
  CHECK(WhyNotInMemory(2000, "auto", 2000, files).empty());
  CHECK(WhyNotInMemory(2000, "auto", 1900, files).find("Q3_K_M (2 kB) would fit") != std::string::npos);
  CHECK(WhyNotInMemory(2000, "w4a8", 600, {}).empty());
  CHECK(WhyNotInMemory(2000, "auto", 1000, {}).find("--weights w4a8") != std::string::npos);
  CHECK(WhyNotInMemory(2000, "auto", 100, {}).find("take a smaller model") != std::string::npos);
}

}  // namespace
}  // namespace puna::server
