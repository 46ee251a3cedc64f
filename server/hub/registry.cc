#include "server/hub/registry.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

#include "server/host/loopback.h"
#include "server/hub/fetch_blob.h"
#include "server/hub/file_lock.h"

namespace puna::server {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr char kAccept[] =
    "Accept: application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.oci.image.index.v1+json";

std::string Text(const Json& object, const char* key) {
  if (!object.is_object()) return "";
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

int64_t Size(const Json& object) {
  const auto found = object.find("size");
  return found != object.end() && found->is_number_integer() ? found->get<int64_t>() : -1;
}

[[noreturn]] void Refuse(const ModelName& name, const std::string& what) {
  throw std::runtime_error(name.Text() + ": " + what);
}

bool IsDigest(const std::string& text) {
  return text.size() == 71 && text.starts_with("sha256:") &&
         text.find_first_not_of("0123456789abcdef", 7) == std::string::npos;
}

Manifest::Layer LayerOf(const Json& json, const ModelName& name) {
  Manifest::Layer layer{.digest = Text(json, "digest"), .size = Size(json), .path = ""};
  if (!IsDigest(layer.digest) || layer.size < 0) Refuse(name, "a layer of its manifest has no sha256 or no size");
  const auto annotations = json.find("annotations");
  if (annotations != json.end()) layer.path = Text(*annotations, "org.cncf.model.filepath");
  return layer;
}

bool Ends(const std::string& media, std::string_view end) { return media.ends_with(end); }
bool Has(const std::string& media, std::string_view part) { return media.find(part) != std::string::npos; }

// NAME-TAG, as a file's name.
std::string FileStem(const ModelName& name) {
  std::string stem = name.repo.substr(name.repo.rfind('/') + 1);
  if (name.tag != "latest" && !name.tag.starts_with("sha256:")) stem += "-" + name.tag;
  return stem;
}

void NameGguf(const std::vector<Manifest::Layer*>& gguf, const ModelName& name) {
  const std::string stem = FileStem(name);
  for (size_t i = 0; i < gguf.size(); ++i) {
    char tail[40] = ".gguf";
    if (gguf.size() > 1) {
      std::snprintf(tail, sizeof tail, "-%05d-of-%05d.gguf", static_cast<int>(i + 1), static_cast<int>(gguf.size()));
    }
    gguf[i]->path = stem + tail;
  }
}

void NoteLayer(const std::string& media, Manifest* manifest) {
  if (Ends(media, "image.system")) {
    manifest->notes.push_back("its own system prompt is not applied: send one with the request");
  } else if (Ends(media, "image.messages")) {
    manifest->notes.push_back("the messages that it begins with are not applied");
  }
}

std::string ManifestPath(const std::string& folder, const ModelName& name) {
  return folder + "/manifests/" + name.host + "/" + name.repo + "/" + name.tag;
}

std::string BlobIn(const std::string& folder, const std::string& digest) {
  return folder + "/blobs/sha256-" + digest.substr(7);
}

std::string ReadAll(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

bool IsWhole(const std::string& folder, const Manifest& manifest) {
  return std::ranges::all_of(manifest.layers, [&](const Manifest::Layer& layer) {
    std::error_code error;
    return static_cast<int64_t>(fs::file_size(BlobIn(folder, layer.digest), error)) == layer.size && !error;
  });
}

// Blobs have no names, and parts of a split model know each other by theirs: links with names, in our own folder.
std::string LinkLayers(const HubSettings& settings, const ModelName& name, const std::string& blobs,
                       const Manifest& manifest) {
  const fs::path folder = fs::path(settings.store) / "open" / name.host / name.repo / name.tag;
  std::error_code error;
  for (const Manifest::Layer& layer : manifest.layers) {
    const fs::path link = folder / layer.path;
    fs::create_directories(link.parent_path(), error);
    fs::remove(link, error);
    fs::create_symlink(fs::absolute(BlobIn(blobs, layer.digest)), link, error);
    if (error) return "";
  }
  return folder.string();
}

LocalModel Open(const HubSettings& settings, const ModelName& name, const std::string& folder,
                const Manifest& manifest) {
  LocalModel model{
      .path = "", .files = {}, .folder = LinkLayers(settings, name, folder, manifest), .notes = manifest.notes};
  for (const Manifest::Layer& layer : manifest.layers) {
    model.files.push_back({.path = layer.path, .size = layer.size, .etag = layer.digest.substr(7), .is_sha256 = true});
  }
  const bool gguf = manifest.layers.front().path.ends_with(".gguf");
  if (model.folder.empty()) {  // our own folder cannot be written: one file needs no name
    if (manifest.layers.size() > 1)
      Refuse(name, settings.store + " cannot be written, and links to its files belong there");
    model.path = BlobIn(folder, manifest.layers.front().digest);
    model.folder = folder;
  } else {
    model.path = gguf ? model.folder + "/" + manifest.layers.front().path : model.folder;
  }
  return model;
}

// Whoever listens on this machine alone needs no TLS.
std::string Origin(const ModelName& name) {
  const std::string host = name.host.substr(0, name.host.rfind(':'));
  return (IsLoopback(host) ? "http://" : "https://") + name.host;
}

class Registry {
 public:
  Registry(const HubSettings& settings, const ModelName& name, const FetchWatch& watch)
      : http_(settings, watch), name_(name), base_(Origin(name) + "/v2/" + name.repo) {}

  // The text of the manifest, of an index's first one.
  std::string FetchManifest() {
    std::string text = Ask(name_.tag);
    const Json json = Json::parse(text, nullptr, false);
    const auto inner = json.is_object() ? json.find("manifests") : json.end();
    if (inner == json.end() || !inner->is_array() || inner->empty()) return text;
    const std::string digest = Text(inner->front(), "digest");
    if (!IsDigest(digest)) Refuse(name_, "its index names no manifest");
    return Ask(digest);
  }

  DownloadSource Source(const Manifest::Layer& layer) const {
    return {.url = base_ + "/blobs/" + layer.digest,
            .token = token_,
            .headers = {},
            .name = layer.path,
            .explain = [](int, const std::string&) { return ""; }};
  }

 private:
  std::string Ask(const std::string& reference) {
    const std::string url = base_ + "/manifests/" + reference;
    HttpAnswer answer = http_.Get(url, token_, {kAccept});
    if (answer.status == 401 && token_.empty() && SignIn(answer.headers.at("www-authenticate"))) {
      answer = http_.Get(url, token_, {kAccept});
    }
    if (answer.status == 200) return answer.body;
    const std::string said = ErrorIn(answer.body);
    if (answer.status == 404 || answer.status == 401) {
      Refuse(name_, "the registry " + name_.host + " has no such model, or it is private" +
                        (said.empty() ? "" : " (" + said + ")") + ": check name and tag");
    }
    Refuse(name_, "the registry answers " + std::to_string(answer.status) + (said.empty() ? "" : ": " + said));
  }

  static std::string ErrorIn(const std::string& body) {
    const Json json = Json::parse(body, nullptr, false);
    const auto errors = json.is_object() ? json.find("errors") : json.end();
    if (errors == json.end() || !errors->is_array() || errors->empty()) return "";
    return Text(errors->front(), "code") + " " + Text(errors->front(), "message");
  }

  // As anybody: what is private needs more, and is not for this.
  bool SignIn(const std::string& challenge) {
    const std::string url = TokenUrl(challenge);
    if (url.empty() || (base_.starts_with("https://") && !url.starts_with("https://"))) return false;
    const HttpAnswer answer = http_.Get(url, "");
    const Json json = Json::parse(answer.body, nullptr, false);
    token_ = Text(json, "token");
    if (token_.empty()) token_ = Text(json, "access_token");
    return !token_.empty();
  }

  HttpClient http_;
  const ModelName& name_;
  std::string base_, token_;
};

void WriteWhole(const std::string& path, const std::string& text) {
  MakeFolder(fs::path(path).parent_path().string());
  std::ofstream out(PartPath(path), std::ios::binary);
  out << text;
  out.close();
  std::error_code error;
  if (out) fs::rename(PartPath(path), path, error);
  if (!out || error) throw std::runtime_error(path + ": cannot be written; check permissions and the space left");
}

}  // namespace

std::string TokenUrl(const std::string& challenge) {
  if (!challenge.starts_with("Bearer ")) return "";
  const auto value = [&](const std::string& key) {
    const size_t at = challenge.find(key + "=\"");
    if (at == std::string::npos) return std::string();
    const size_t begin = at + key.size() + 2;
    return challenge.substr(begin, challenge.find('"', begin) - begin);
  };
  const std::string realm = value("realm");
  if (!realm.starts_with("https://") && !realm.starts_with("http://")) return "";
  return realm + (realm.find('?') == std::string::npos ? "?" : "&") + "service=" + PercentEncode(value("service"), "") +
         "&scope=" + PercentEncode(value("scope"), ":/,");
}

Manifest ReadManifest(const std::string& text, const ModelName& name) {
  const Json json = Json::parse(text, nullptr, false);
  const auto layers = json.is_object() ? json.find("layers") : json.end();
  if (layers == json.end() || !layers->is_array()) Refuse(name, "its manifest has no layers");
  Manifest manifest;
  std::vector<Manifest::Layer> gguf, files;
  for (const Json& json_layer : *layers) {
    const std::string media = Text(json_layer, "mediaType");
    if (Ends(media, "image.adapter"))
      Refuse(name, "it is an adapter on another model; take the model that it was merged into");
    if (Ends(media, "image.tensor")) Refuse(name, "it is not kept as GGUF; take another tag");
    if (Ends(media, "image.model") || (Has(media, ".gguf") && !Has(media, "mmproj"))) {
      gguf.push_back(LayerOf(json_layer, name));
    } else if (Has(media, ".safetensors") || Ends(media, "model.file")) {
      files.push_back(LayerOf(json_layer, name));
    }
    NoteLayer(media, &manifest);
  }
  if (!gguf.empty()) {
    std::vector<Manifest::Layer*> parts;
    for (Manifest::Layer& layer : gguf) parts.push_back(&layer);
    NameGguf(parts, name);
    manifest.layers = std::move(gguf);
    return manifest;
  }
  if (files.empty()) Refuse(name, "its manifest names no weights; it is no model that can be run");
  for (const Manifest::Layer& layer : files) {
    if (!IsSafePath(layer.path)) Refuse(name, "a file in its manifest has no name that can be used");
  }
  manifest.layers = std::move(files);
  return manifest;
}

std::optional<LocalModel> FindInRegistries(const HubSettings& settings, const ModelName& name) {
  std::vector<std::string> folders = {settings.store};
  folders.insert(folders.end(), settings.ollama_models.begin(), settings.ollama_models.end());
  for (const std::string& folder : folders) {
    const std::string text = ReadAll(ManifestPath(folder, name));
    if (text.empty()) continue;
    const Manifest manifest = ReadManifest(text, name);
    if (IsWhole(folder, manifest)) return Open(settings, name, folder, manifest);
  }
  return std::nullopt;
}

LocalModel FetchFromRegistry(const HubSettings& settings, const ModelName& name, const CheckSize& check,
                             const FetchWatch& watch) {
  Registry registry(settings, name, watch);
  const std::string text = registry.FetchManifest();
  const Manifest manifest = ReadManifest(text, name);
  for (const std::string& folder : settings.ollama_models) {
    if (IsWhole(folder, manifest)) return Open(settings, name, folder, manifest);
  }
  MakeFolder(settings.store + "/blobs");
  MakeFolder(settings.store + "/locks");
  std::vector<Blob> blobs;
  int64_t bytes = 0;
  for (const Manifest::Layer& layer : manifest.layers) {
    bytes += layer.size;
    blobs.push_back({.source = registry.Source(layer),
                     .size = layer.size,
                     .digest = layer.digest.substr(7),
                     .sha256 = true,
                     .path = BlobIn(settings.store, layer.digest),
                     .lock_path = settings.store + "/locks/" + layer.digest.substr(7)});
  }
  if (const int64_t missing = MissingBytes(blobs); missing > 0) {
    check(bytes, {});
    watch.say(name.Text() + ": " + SizeText(missing) + " to fetch, into " + settings.store);
  }
  FetchBlobs(blobs, settings, watch);
  WriteWhole(ManifestPath(settings.store, name), text);
  return Open(settings, name, settings.store, manifest);
}

std::vector<ModelName> NamesIn(const std::string& folder) {
  std::vector<ModelName> names;
  const fs::path root = fs::path(folder) / "manifests";
  std::error_code error;
  for (fs::recursive_directory_iterator at(root, error), end; at != end && !error; at.increment(error)) {
    if (!at->is_regular_file(error)) continue;
    const fs::path below = at->path().lexically_relative(root);
    const std::string host = below.begin()->string();
    const std::string repo = below.parent_path().lexically_relative(host).string();
    const bool oci = host != "registry.ollama.ai" && !host.ends_with("ollama.com");
    names.push_back({.hub = oci ? ModelName::Hub::kOci : ModelName::Hub::kOllama,
                     .host = host,
                     .repo = repo,
                     .revision = "",
                     .tag = below.filename().string()});
  }
  std::ranges::sort(names, {}, [](const ModelName& name) { return name.Text(); });
  return names;
}

int64_t RemoveName(const HubSettings& settings, const ModelName& name) {
  std::error_code error;
  if (!fs::remove(ManifestPath(settings.store, name), error)) return 0;
  fs::remove_all(fs::path(settings.store) / "open" / name.host / name.repo / name.tag, error);
  std::set<std::string> needed;
  for (const ModelName& other : NamesIn(settings.store)) {
    for (const Manifest::Layer& layer : ReadManifest(ReadAll(ManifestPath(settings.store, other)), other).layers) {
      needed.insert("sha256-" + layer.digest.substr(7));
    }
  }
  int64_t freed = 0;
  for (const auto& entry : fs::directory_iterator(fs::path(settings.store) / "blobs", error)) {
    const std::string file = entry.path().filename().string();
    if (needed.contains(file) ||
        IsLocked(settings.store + "/locks/" + file.substr(std::min<size_t>(7, file.size()), 64)))
      continue;
    freed += static_cast<int64_t>(entry.file_size(error));
    fs::remove(entry.path(), error);
  }
  return freed;
}

}  // namespace puna::server
