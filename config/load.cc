#include "config/load.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <system_error>

#include "config/flags.h"
#include "config/options.h"

namespace puna::config {
namespace {

constexpr std::string_view kPrefix = "PUNA_";
// Names that other tools of this project use.
constexpr std::string_view kForeign[] = {"PUNA_CONFIG", "PUNA_SHARED", "PUNA_DEPS_CACHE"};

std::string ReadFile(const std::string& path, const std::string& where) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  if (in) text << in.rdbuf();
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) throw ConfigError(where + ": " + path + " is a folder, not a file");
  if (!in || text.bad()) {
    throw ConfigError(where + ": cannot read the file " + path + "; check the path and its permissions");
  }
  return text.str();
}

// "line 2, column 7" of a byte, the first of which is 1.
std::string PlaceOf(size_t byte, const std::string& text) {
  const std::string_view before = std::string_view(text).substr(0, byte == 0 ? 0 : byte - 1);
  const size_t line_begin = before.rfind('\n') + 1;  // of npos: 0
  return "line " + std::to_string(std::ranges::count(before, '\n') + 1) + ", column " +
         std::to_string(before.size() - line_begin + 1);
}

// Parses a JSON object, comments allowed, and refuses a key that stands twice, of which a parser
// would drop one. What stands in the file may be a key for clients: no error shows it.
nlohmann::json ParseObject(const std::string& text, const std::string& path) {
  std::set<std::string> seen;
  const auto callback = [&](int depth, nlohmann::json::parse_event_t event, nlohmann::json& parsed) {
    if (event == nlohmann::json::parse_event_t::key && depth == 1 && !seen.insert(parsed.get<std::string>()).second) {
      throw ConfigError(path + ": the key \"" + parsed.get<std::string>() + "\" stands twice; remove one");
    }
    return true;
  };
  nlohmann::json object;
  try {
    object = nlohmann::json::parse(text, callback, true, true);
  } catch (const nlohmann::json::parse_error& e) {
    throw ConfigError(path + ": not JSON: " + PlaceOf(e.byte, text) +
                      ": expected an object of options, with quotes around texts and commas between");
  } catch (const nlohmann::json::exception&) {
    throw ConfigError(path + ": a number is larger than any that can be read");
  }
  if (!object.is_object()) throw ConfigError(path + ": expected a JSON object of options, found " + object.type_name());
  return object;
}

void ApplyFile(const std::string& path, const std::string& where, Config& config) {
  const nlohmann::json object = ParseObject(ReadFile(path, where), path);
  for (const auto& [key, value] : object.items()) {
    const Option* option = FindByKey(key);
    if (!option) {
      std::vector<std::string> names;
      for (const Option& o : Options()) names.emplace_back(o.key);
      throw ConfigError(path + ": unknown key \"" + key + "\"" + DidYouMean(key, names));
    }
    SetFromJson(*option, config, value, path + ": key \"" + key + "\"");
  }
}

struct Variable {
  std::string name, value;
};

std::vector<Variable> OwnVariables(std::span<const std::string> environment) {
  std::vector<Variable> own;
  for (const std::string& line : environment) {
    const size_t equals = line.find('=');
    if (line.rfind(kPrefix, 0) == 0 && equals != std::string::npos) {
      own.push_back({line.substr(0, equals), line.substr(equals + 1)});
    }
  }
  return own;
}

// An unknown variable is a warning, not an error: whoever starts containers may inject names of his
// own (PUNA_SERVICE_HOST and the like).
void ApplyEnvironment(const std::vector<Variable>& variables, Loaded& loaded) {
  std::vector<std::string> names;
  for (const Option& option : Options()) names.push_back(option.environment());
  for (const Variable& variable : variables) {
    const auto found = std::find(names.begin(), names.end(), variable.name);
    if (found != names.end()) {
      SetFromText(Options()[found - names.begin()], loaded.config, variable.value, "environment " + variable.name);
    } else if (std::find(std::begin(kForeign), std::end(kForeign), variable.name) == std::end(kForeign)) {
      loaded.warnings.push_back("environment " + variable.name + " is not an option" +
                                DidYouMean(variable.name, names));
    }
  }
}

// Beside the table: the file of options, and the model as llama-server spells it.
constexpr ExtraFlag kConfig = {"--config", "a file"};
constexpr std::string_view kRepository = "ORG/NAME[:QUANTISATION]";
constexpr ExtraFlag kExtra[] = {kConfig, {"-hf", kRepository}, {"-hfr", kRepository}, {"--hf-repo", kRepository}};

// Takes --config out of the flags, the last one, and makes --model of -hf.
std::string TakeExtraFlags(std::vector<Flag>& flags) {
  std::string file;
  for (Flag& flag : flags) {
    if (flag.option) continue;
    if (flag.name == kConfig.name) {
      file = flag.value;
    } else {
      flag.option = FindByKey("model");
      flag.value = "hf:" + flag.value;
    }
  }
  return file;
}

void ReadApiKeys(ServerConfig& server) {
  if (!server.api_key_file.empty()) {
    std::istringstream lines(ReadFile(server.api_key_file, "api_key_file"));
    const size_t before = server.api_keys.size();
    for (std::string line; std::getline(lines, line);) {
      const size_t begin = line.find_first_not_of(" \t\r");
      if (begin == std::string::npos) continue;
      server.api_keys.push_back(line.substr(begin, line.find_last_not_of(" \t\r") + 1 - begin));
    }
    // An empty file of keys must not open the server to all.
    if (server.api_keys.size() == before)
      throw ConfigError("api_key_file: no key in " + server.api_key_file + "; write one key a line");
  }
  for (const std::string& key : server.api_keys) {
    if (const std::string fault = FaultOfKey(key); !fault.empty())
      throw ConfigError("api_key: a key " + fault + "; make another key");
  }
  if (!server.keys_file.empty())
    server.named_keys = ReadClientKeys(ReadFile(server.keys_file, "keys_file"), server.keys_file);
}

void CheckTogether(const Config& config) {
  const ServerConfig& s = config.server;
  if (s.tls_cert_file.empty() != s.tls_key_file.empty()) {
    throw ConfigError("tls_cert_file and tls_key_file: expected both or none, found only " +
                      std::string(s.tls_key_file.empty() ? "tls_cert_file" : "tls_key_file"));
  }
  if (s.host.empty())
    throw ConfigError("host: found nothing, expected an address; 127.0.0.1 for this machine alone, 0.0.0.0 for all");
  if (s.host == "unix:")
    throw ConfigError("host: found \"unix:\", expected a path behind it, as in unix:/run/puna/puna.sock");
  const std::string& prefix = s.path_prefix;
  if (!prefix.empty() && (prefix[0] != '/' || prefix.back() == '/' || prefix.find_first_of("?#% *") != prefix.npos))
    throw ConfigError("path_prefix: found \"" + prefix + "\", expected a path as in /llm, without a slash at its end");
  if (s.metrics_port != 0 && s.metrics_port == s.port)
    throw ConfigError("metrics_port: found " + std::to_string(s.port) + ", which is port, too; expected another");
  const EngineConfig& e = config.engine;
  if (e.max_num_batched_tokens < e.max_num_seqs) {
    throw ConfigError("max_num_batched_tokens: found " + std::to_string(e.max_num_batched_tokens) +
                      ", expected at least max_num_seqs (" + std::to_string(e.max_num_seqs) +
                      "), one token for each running sequence");
  }
}

}  // namespace

Loaded Load(std::span<const std::string> arguments, std::span<const std::string> environment, KeyFiles keys) {
  Loaded loaded;
  FlagList list = ListFlags(Options(), kExtra, true, arguments);
  if (list.help) loaded.want = Loaded::Want::kHelp;
  if (list.help_markdown) loaded.want = Loaded::Want::kHelpMarkdown;
  if (loaded.want != Loaded::Want::kRun) return loaded;
  const std::vector<Variable> variables = OwnVariables(environment);
  std::string file = TakeExtraFlags(list.flags), where = "flag --config";
  for (const Variable& variable : variables) {
    if (file.empty() && variable.name == "PUNA_CONFIG") {
      file = variable.value;
      where = "environment PUNA_CONFIG";
    }
  }
  if (!file.empty()) ApplyFile(file, where, loaded.config);
  ApplyEnvironment(variables, loaded);
  ApplyFlags(list.flags, &loaded.config);
  if (keys == KeyFiles::kRead) ReadApiKeys(loaded.config.server);
  CheckTogether(loaded.config);
  return loaded;
}

}  // namespace puna::config
