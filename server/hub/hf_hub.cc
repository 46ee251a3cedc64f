#include "server/hub/hf_hub.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace puna::server {
namespace {

constexpr size_t kMostFiles = 100000;

[[noreturn]] void Misunderstood(const HubSettings& settings, const ModelName& name, const std::string& what) {
  throw std::runtime_error(settings.endpoint + " answers about " + name.repo + " " + what +
                           "; is HF_ENDPOINT the address of a Hugging Face hub?");
}

bool IsHex(const std::string& text, size_t digits) {
  return text.size() == digits &&
         std::ranges::all_of(text, [](unsigned char c) { return std::isdigit(c) != 0 || (c >= 'a' && c <= 'f'); });
}

nlohmann::json Ask(const HttpClient& http, const HubSettings& settings, const ModelName& name, const std::string& url,
                   std::string* next) {
  const HttpAnswer answer = http.Get(url, settings.token);
  if (answer.status != 200) {
    const std::string& code = answer.headers.at("x-error-code");
    const std::string meaning = ExplainRefusal(settings, name, answer.status, code);
    const std::string& said = answer.headers.at("x-error-message");
    if (!meaning.empty()) throw std::runtime_error(meaning);
    throw std::runtime_error(settings.endpoint + " refuses " + name.repo + " with " + std::to_string(answer.status) +
                             (said.empty() ? "" : ": " + said));
  }
  nlohmann::json json = nlohmann::json::parse(answer.body, nullptr, false);
  if (json.is_discarded()) Misunderstood(settings, name, "what is no JSON");
  if (next != nullptr) *next = answer.headers.at("link");
  return json;
}

// Of <URL>; rel="next", on the same hub; "": there is none.
std::string NextPage(const std::string& link, const std::string& endpoint) {
  const size_t rel = link.find("rel=\"next\""), end = link.rfind('>', rel), begin = link.rfind('<', end);
  if (rel == std::string::npos || end == std::string::npos || begin == std::string::npos) return "";
  std::string url = link.substr(begin + 1, end - begin - 1);
  if (url.starts_with('/')) url = endpoint + url;
  return url.starts_with(endpoint + "/") ? url : "";
}

std::string Text(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

int64_t Size(const nlohmann::json& object) {
  const auto found = object.find("size");
  return found != object.end() && found->is_number_integer() ? found->get<int64_t>() : -1;
}

// An entry of the tree; a path of "" says that it is no file that can be fetched.
HubFile FileOf(const nlohmann::json& entry) {
  if (!entry.is_object() || Text(entry, "type") != "file") return {};
  const auto lfs = entry.find("lfs");
  HubFile file{.path = Text(entry, "path"), .size = Size(entry), .etag = Text(entry, "oid"), .is_sha256 = false};
  if (lfs != entry.end() && lfs->is_object()) {
    file.etag = Text(*lfs, "oid");
    if (file.etag.starts_with("sha256:")) file.etag.erase(0, 7);
    file.size = Size(*lfs);
    file.is_sha256 = true;
  }
  const bool good = IsSafePath(file.path) && file.size >= 0 && IsHex(file.etag, file.is_sha256 ? 64 : 40);
  return good ? file : HubFile{};
}

std::vector<HubFile> AskTree(const HttpClient& http, const HubSettings& settings, const ModelName& name,
                             const std::string& commit) {
  std::vector<HubFile> files;
  std::string url = settings.endpoint + "/api/models/" + name.repo + "/tree/" + commit + "?recursive=true";
  while (!url.empty()) {
    std::string link;
    const nlohmann::json page = Ask(http, settings, name, url, &link);
    if (!page.is_array()) Misunderstood(settings, name, "with no list of files");
    for (const nlohmann::json& entry : page) {
      if (HubFile file = FileOf(entry); !file.path.empty()) files.push_back(std::move(file));
    }
    if (files.size() > kMostFiles) Misunderstood(settings, name, "with more than 100000 files");
    const std::string next = page.empty() ? "" : NextPage(link, settings.endpoint);
    url = next == url ? "" : next;
  }
  return files;
}

}  // namespace

HubRevision AskHub(const HttpClient& http, const HubSettings& settings, const ModelName& name) {
  const std::string url =
      settings.endpoint + "/api/models/" + name.repo + "/revision/" + PercentEncode(name.revision, "");
  const nlohmann::json about = Ask(http, settings, name, url, nullptr);
  HubRevision revision;
  revision.commit = about.is_object() ? Text(about, "sha") : "";
  if (!IsHex(revision.commit, 40)) Misunderstood(settings, name, "without naming a commit");
  revision.files = AskTree(http, settings, name, revision.commit);
  return revision;
}

std::string ResolveUrl(const HubSettings& settings, const ModelName& name, const std::string& commit,
                       const std::string& path) {
  return settings.endpoint + "/" + name.repo + "/resolve/" + commit + "/" + PercentEncode(path, "/");
}

std::string ExplainRefusal(const HubSettings& settings, const ModelName& name, int status,
                           const std::string& error_code) {
  const std::string page = settings.endpoint + "/" + name.repo;
  const std::string token_page = settings.endpoint + "/settings/tokens";
  if (error_code == "GatedRepo") {
    const std::string open = "; copies without this step often lie under hf:unsloth/ and hf:bartowski/";
    return settings.token.empty()
               ? name.repo + " is gated: sign in and accept its licence on " + page + ", make a token on " +
                     token_page + ", and set HF_TOKEN to it" + open
               : name.repo + " is gated, and the account of this token may not read it yet: accept its licence on " +
                     page + open;
  }
  if (error_code == "RevisionNotFound") {
    return name.repo + " has no revision \"" + name.revision + "\": leave it out for the newest, or see " + page +
           "/tree/main";
  }
  if (error_code == "EntryNotFound") return name.repo + ": the hub lists a file that it does not have; try again later";
  if (status == 401 && !settings.token.empty()) {
    return "the hub does not know the token in HF_TOKEN (or the file that huggingface-cli login wrote): make another "
           "on " +
           token_page + ", or unset it for what is open to all";
  }
  if (error_code == "RepoNotFound" || status == 401 || status == 404) {
    return "there is no " + name.repo + " on " + settings.endpoint + ", or it is private: check the name" +
           (settings.token.empty() ? "; if it is private, set HF_TOKEN" : "");
  }
  return "";
}

}  // namespace puna::server
