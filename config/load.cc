#include "config/load.h"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "config/options.h"

// The parsing of flags is our own and not a library's: flags, environment and file then share one
// setter, one wording of errors and one list of names to suggest from, and there is nothing to
// register twice.

namespace puna::config {
namespace {

constexpr std::string_view kPrefix = "PUNA_";
// Names that other tools of this project use.
constexpr std::string_view kForeign[] = {"PUNA_CONFIG", "PUNA_SHARED", "PUNA_DEPS_CACHE"};

std::string ReadFile(const std::string& path, const std::string& where) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  if (in) text << in.rdbuf();
  if (!in || text.bad()) {
    throw ConfigError(where + ": cannot read the file " + path + "; check the path and its permissions");
  }
  return text.str();
}

// Parses a JSON object, comments allowed, and refuses a key that stands twice, of which a parser
// would drop one.
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
  } catch (const nlohmann::json::exception& e) {
    throw ConfigError(path + ": not JSON: " + e.what());
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

struct Flag {
  const Option* option;
  std::string name, value;
};

struct Flags {
  std::vector<Flag> values;
  std::string config_file;
  Loaded::Want want = Loaded::Want::kRun;
};

[[noreturn]] void UnknownFlag(const std::string& name) {
  std::vector<std::string> names = {"--config", "--help"};
  for (const Option& option : Options()) names.push_back(option.flag());
  throw ConfigError("unknown flag " + name + DidYouMean(name, names) + " (--help lists them all)");
}

// Takes arguments apart without setting anything, because --config's file must be read before the
// flags count.
class FlagReader {
 public:
  explicit FlagReader(std::span<const std::string> arguments) : arguments_(arguments) {}

  Flags Read() {
    while (next_ < arguments_.size()) ReadOne(arguments_[next_++]);
    return std::move(flags_);
  }

 private:
  void ReadOne(const std::string& argument) {
    if (argument == "--help" || argument == "-h") {
      flags_.want = Loaded::Want::kHelp;
    } else if (argument == "--help-markdown") {
      flags_.want = Loaded::Want::kHelpMarkdown;
    } else if (argument.rfind("-", 0) != 0) {
      if (!model_.empty()) {
        throw ConfigError("unexpected argument \"" + argument + "\": \"" + model_ + "\" is the model already");
      }
      model_ = argument;
      flags_.values.push_back({FindByKey("model"), "the model argument", argument});
    } else {
      ReadFlag(argument);
    }
  }

  void ReadFlag(const std::string& argument) {
    const size_t equals = argument.find('=');
    const std::string name = argument.substr(0, equals);
    const bool joined = equals != std::string::npos;
    if (name == "--config") {
      flags_.config_file = joined ? argument.substr(equals + 1) : Value(name, "a file");
      return;
    }
    if (const Option* off = name.rfind("--no-", 0) == 0 && !joined ? FindByFlag("--" + name.substr(5)) : nullptr;
        off && std::holds_alternative<SwitchOption>(off->type)) {
      flags_.values.push_back({off, name, "false"});
      return;
    }
    const Option* option = FindByFlag(name);
    if (!option) UnknownFlag(name);
    if (joined) {
      flags_.values.push_back({option, name, argument.substr(equals + 1)});
    } else if (std::holds_alternative<SwitchOption>(option->type)) {
      flags_.values.push_back({option, name, "true"});
    } else {
      flags_.values.push_back({option, name, Value(name, option->range())});
    }
  }

  std::string Value(const std::string& name, const std::string& expected) {
    if (next_ == arguments_.size()) throw ConfigError("flag " + name + ": a value is missing, expected " + expected);
    return arguments_[next_++];
  }

  std::span<const std::string> arguments_;
  size_t next_ = 0;
  std::string model_;
  Flags flags_;
};

// A flag that stands several times adds to its list; for everything else the last one counts.
void ApplyFlags(const std::vector<Flag>& flags, Config& config) {
  std::set<const Option*> begun;
  for (const Flag& flag : flags) {
    const std::string where = flag.name[0] == '-' ? "flag " + flag.name : flag.name;
    const auto* list = std::get_if<ListOption>(&flag.option->type);
    std::vector<std::string> before;
    if (list && !begun.insert(flag.option).second) before = list->field(config);
    SetFromText(*flag.option, config, flag.value, where);
    if (list) {
      auto& values = list->field(config);
      values.insert(values.begin(), before.begin(), before.end());
    }
  }
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
    if (key.empty()) throw ConfigError("api_key: a key is empty; leave it out, or make one");
    for (const unsigned char c : key) {
      if (c <= ' ' || c > '~' || c == '%') {
        throw ConfigError(
            "api_key: a key holds a character other than printable ASCII without space and %; make "
            "another key");
      }
    }
  }
}

void CheckTogether(const Config& config) {
  const ServerConfig& s = config.server;
  if (s.tls_cert_file.empty() != s.tls_key_file.empty()) {
    throw ConfigError("tls_cert_file and tls_key_file: expected both or none, found only " +
                      std::string(s.tls_key_file.empty() ? "tls_cert_file" : "tls_key_file"));
  }
  if (s.host.empty())
    throw ConfigError("host: found nothing, expected an address; 127.0.0.1 for this machine alone, 0.0.0.0 for all");
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

Loaded Load(std::span<const std::string> arguments, std::span<const std::string> environment) {
  Loaded loaded;
  const Flags flags = FlagReader(arguments).Read();
  loaded.want = flags.want;
  if (loaded.want != Loaded::Want::kRun) return loaded;
  const std::vector<Variable> variables = OwnVariables(environment);
  std::string file = flags.config_file, where = "flag --config";
  for (const Variable& variable : variables) {
    if (file.empty() && variable.name == "PUNA_CONFIG") {
      file = variable.value;
      where = "environment PUNA_CONFIG";
    }
  }
  if (!file.empty()) ApplyFile(file, where, loaded.config);
  ApplyEnvironment(variables, loaded);
  ApplyFlags(flags.values, loaded.config);
  ReadApiKeys(loaded.config.server);
  CheckTogether(loaded.config);
  return loaded;
}

}  // namespace puna::config
