#include "server/hub/model_name.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <stdexcept>
#include <string_view>
#include <system_error>

namespace puna::server {
namespace {

constexpr char kOllamaHost[] = "registry.ollama.ai";
constexpr char kDockerHost[] = "registry-1.docker.io";

[[noreturn]] void Refuse(const std::string& text, const std::string& expected) {
  throw std::runtime_error("model \"" + text + "\": expected " + expected);
}

// Takes the first of the prefixes that `text` begins with off; false: none.
template <size_t kCount>
bool TakePrefix(std::string* text, const std::array<std::string_view, kCount>& prefixes) {
  for (const std::string_view prefix : prefixes) {
    if (!text->starts_with(prefix)) continue;
    text->erase(0, prefix.size());
    return true;
  }
  return false;
}

// Letters, digits and what `more` has, not empty, and no part between slashes that is "", "." or "..".
bool IsPlain(const std::string& text, std::string_view more) {
  const bool good = std::ranges::all_of(text, [&](unsigned char c) {
    return std::isalnum(c) != 0 || more.find(static_cast<char>(c)) != std::string_view::npos;
  });
  const std::string bounded = "/" + text + "/";
  return good && !text.empty() && bounded.find("//") == std::string::npos && bounded.find("/./") == std::string::npos &&
         bounded.find("/../") == std::string::npos;
}

// Cuts what stands behind the last `mark`, of which the part before it keeps at least one character; "" where there is none.
std::string TakeBehind(std::string* text, char mark) {
  const size_t at = text->rfind(mark);
  if (at == std::string::npos || at == 0) return "";
  std::string behind = text->substr(at + 1);
  text->erase(at);
  return behind;
}

// An address of a page: ORG/NAME/tree/REVISION, or blob or resolve, with a file.
void ReadPage(std::string rest, ModelName* name) {
  rest.erase(std::min(rest.find_first_of("?#"), rest.size()));
  while (rest.ends_with('/')) rest.pop_back();
  const size_t slash = rest.find('/');
  const size_t second = slash == std::string::npos ? slash : rest.find('/', slash + 1);
  name->repo = rest.substr(0, second);
  if (second == std::string::npos) return;
  std::string page = rest.substr(second + 1);
  const std::array<std::string_view, 3> kinds = {"tree/", "blob/", "resolve/"};
  if (!TakePrefix(&page, kinds)) return;
  const size_t end = std::min(page.find('/'), page.size());
  name->revision = page.substr(0, end);
  if (end < page.size()) name->tag = page.substr(end + 1);
}

void ReadSpelling(std::string rest, ModelName* name) {
  // Either order of @REVISION and :QUANTISATION.
  const bool revision_last = rest.find('@') != std::string::npos && rest.rfind('@') > rest.find(':');
  if (revision_last) name->revision = TakeBehind(&rest, '@');
  if (const size_t colon = rest.find(':'); colon != std::string::npos) {
    name->tag = rest.substr(colon + 1);
    rest.erase(colon);
    if (name->tag.empty()) name->tag = ":";  // refused below
  }
  if (!revision_last) name->revision = TakeBehind(&rest, '@');
  name->repo = rest;
}

ModelName HuggingFaceName(const std::string& text, const std::string& rest, bool page) {
  ModelName name;
  page ? ReadPage(rest, &name) : ReadSpelling(rest, &name);
  if (name.revision.empty()) name.revision = "main";
  const bool good = IsPlain(name.repo, "._-/") && std::ranges::count(name.repo, '/') <= 1 &&
                    IsPlain(name.revision, "._-/") && (name.tag.empty() || IsPlain(name.tag, "._-/+ "));
  if (!good)
    Refuse(text, "hf:ORG/NAME[@REVISION][:QUANTISATION], as in hf:bartowski/Llama-3.2-3B-Instruct-GGUF:Q4_K_M");
  return name;
}

// [HOST/]REPOSITORY[:TAG]; a host has a dot or a port in it.
void ReadRegistryName(std::string rest, ModelName* name) {
  const size_t slash = rest.find('/');
  const std::string first = rest.substr(0, slash);
  if (slash != std::string::npos && (first.find_first_of(".:") != std::string::npos || first == "localhost")) {
    name->host = first;
    rest.erase(0, slash + 1);
  }
  if (const size_t at = rest.find('@'); at != std::string::npos) {
    name->tag = rest.substr(at + 1);
    rest.erase(at);
    rest.erase(std::min(rest.find(':'), rest.size()));
  } else if (rest.find(':') != std::string::npos) {
    name->tag = TakeBehind(&rest, ':');
  } else {
    name->tag = "latest";
  }
  name->repo = rest;
}

bool IsWholeRegistryName(const ModelName& name) {
  return IsPlain(name.host, ".:-") && IsPlain(name.repo, "._-/") && IsPlain(name.tag, "._-:");
}

ModelName OllamaName(const std::string& text, const std::string& rest) {
  ModelName name{.hub = ModelName::Hub::kOllama, .host = "", .repo = "", .revision = "", .tag = ""};
  ReadRegistryName(rest, &name);
  if (name.host == "hf.co" || name.host == "huggingface.co") {
    return HuggingFaceName(text, name.repo + (name.tag == "latest" ? "" : ":" + name.tag), false);
  }
  if (name.host.empty() || name.host == "ollama.com") name.host = kOllamaHost;
  if (name.repo.find('/') == std::string::npos) name.repo = "library/" + name.repo;
  if (!IsWholeRegistryName(name)) Refuse(text, "ollama:NAME[:TAG], as in ollama:llama3.2:3b");
  return name;
}

ModelName OciName(const std::string& text, const std::string& rest, bool docker) {
  ModelName name{.hub = ModelName::Hub::kOci, .host = "", .repo = "", .revision = "", .tag = ""};
  ReadRegistryName(rest, &name);
  if (name.host == "docker.io" || name.host == "index.docker.io" || (docker && name.host.empty()))
    name.host = kDockerHost;
  if (name.host == kDockerHost && name.repo.find('/') == std::string::npos) name.repo = "ai/" + name.repo;
  if (!IsWholeRegistryName(name))
    Refuse(text, "oci://HOST/REPOSITORY[:TAG], as in oci://docker.io/ai/llama3.2:3B-Q4_K_M");
  return name;
}

}  // namespace

std::string ModelName::Text() const {
  if (hub == Hub::kHuggingFace) {
    return "hf:" + repo + (revision == "main" ? "" : "@" + revision) + (tag.empty() ? "" : ":" + tag);
  }
  const std::string end = (tag.starts_with("sha256:") ? "@" : ":") + tag;
  if (hub == Hub::kOci) return "oci://" + (host == kDockerHost ? "docker.io" : host) + "/" + repo + end;
  const std::string shown = repo.starts_with("library/") && host == kOllamaHost ? repo.substr(8) : repo;
  return "ollama:" + (host == kOllamaHost ? "" : host + "/") + shown + end;
}

std::string ModelName::ServedName() const {
  if (hub == Hub::kHuggingFace) return repo + (tag.empty() ? "" : ":" + tag);
  const std::string end = tag.starts_with("sha256:") ? "" : ":" + tag;
  return (repo.starts_with("library/") ? repo.substr(8) : repo) + end;
}

std::optional<ModelName> ParseModelName(const std::string& text) {
  std::string rest = text;
  const std::array<std::string_view, 2> pages = {"https://huggingface.co/", "https://hf.co/"};
  if (TakePrefix(&rest, pages)) return HuggingFaceName(text, rest, true);
  const std::array<std::string_view, 4> spellings = {"hf://", "hf:", "hf.co/", "huggingface.co/"};
  if (TakePrefix(&rest, spellings)) return HuggingFaceName(text, rest, false);
  const std::array<std::string_view, 2> ollama = {"ollama://", "ollama:"};
  if (TakePrefix(&rest, ollama)) return OllamaName(text, rest);
  const std::array<std::string_view, 1> oci = {"oci://"}, docker = {"docker:"};
  if (TakePrefix(&rest, oci)) return OciName(text, rest, false);
  if (TakePrefix(&rest, docker)) return OciName(text, rest, true);
  return std::nullopt;
}

std::string UnknownModelText(const std::string& text) {
  std::error_code error;
  if (!std::filesystem::exists(text, error) && error) {
    return "model \"" + text + "\": " + error.message() +
           "; check that this user may pass through its folders and read what is in them";
  }
  std::string guess;
  const auto slashes = std::ranges::count(text, '/');
  if (slashes == 1 && !text.starts_with('/') && !text.starts_with('.') && !text.starts_with('~')) {
    guess = "; did you mean hf:" + text + "?";
  } else if (slashes == 0 && text.find(':') != std::string::npos) {
    guess = "; did you mean ollama:" + text + "?";
  }
  return "model \"" + text + "\": no such file or folder" + guess +
         " A model on Hugging Face is named hf:ORG/NAME[:QUANTISATION], as in hf:unsloth/Llama-3.2-3B-Instruct or "
         "hf:bartowski/Llama-3.2-3B-Instruct-GGUF:Q4_K_M; one of Ollama's ollama:llama3.2:3b; one in a registry "
         "oci://docker.io/ai/llama3.2; random:llama-3.2-3b is random weights";
}

}  // namespace puna::server
