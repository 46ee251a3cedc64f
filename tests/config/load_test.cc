#include "config/load.h"

#include <doctest/doctest.h>

#include <unistd.h>

#include <cstdio>
#include <fstream>

#include "config/options.h"

namespace puna::config {
namespace {

using Lines = std::vector<std::string>;

// A file that lives as long as the object.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& text) {
    char name[] = "/tmp/puna_load_test_XXXXXX";
    close(mkstemp(name));
    path = name;
    std::ofstream(path) << text;
  }
  ~TemporaryFile() { std::remove(path.c_str()); }
  std::string path;
};

std::string ErrorOf(const Lines& arguments, const Lines& environment = {}) {
  try {
    Load(arguments, environment);
  } catch (const ConfigError& e) {
    return e.what();
  }
  return "no error";
}

TEST_CASE("flags win over environment, environment over the file, the file over the default") {
  const TemporaryFile file(R"({"port": 1, "host": "h1", "max_waiting": 1, // comment
                               "threads": 1})");
  const Loaded l = Load(Lines{"--config", file.path, "--port=3"},
                        Lines{"PUNA_PORT=2", "PUNA_HOST=h2", "PATH=/bin", "PUNA_MAX_WAITING=2"});
  CHECK(l.config.server.port == 3);
  CHECK(l.config.server.host == "h2");
  CHECK(l.config.engine.max_waiting == 2);
  CHECK(l.config.engine.threads == 1);
  CHECK(l.config.engine.max_num_seqs == 16);
  CHECK(l.warnings.empty());
  CHECK(Load(Lines{}, Lines{"PUNA_CONFIG=" + file.path}).config.server.port == 1);
}

TEST_CASE("flags in every form") {
  const Loaded l =
      Load(Lines{"/models/x", "--no-prefix-caching", "--speculation=off", "--api-key", "a,b", "--api-key=c"}, Lines{});
  CHECK(l.config.engine.model == "/models/x");
  CHECK_FALSE(l.config.engine.prefix_caching);
  CHECK_FALSE(l.config.engine.speculation);
  CHECK(l.config.server.api_keys == Lines{"a", "b", "c"});
  CHECK(Load(Lines{"--prefix-caching"}, Lines{"PUNA_PREFIX_CACHING=false"}).config.engine.prefix_caching);
  CHECK(Load(Lines{"--help", "--port=none"}, Lines{}).want == Loaded::Want::kHelp);
  // A list of flags replaces the list of a lower source, it does not add to it.
  CHECK(Load(Lines{"--api-key=x"}, Lines{"PUNA_API_KEY=y"}).config.server.api_keys == Lines{"x"});
}

TEST_CASE("wrong flags say what was meant") {
  CHECK(Load(Lines{"--served-model-name", " a, b ,,c"}, Lines{}).config.server.served_model_names ==
        Lines{"a", "b", "c"});
  for (const char* empty : {",", " ", " , "}) CHECK(ErrorOf({"--api-key", empty}).find("api-key") != std::string::npos);
  CHECK(ErrorOf({"--host", ""}).starts_with("host: "));
  CHECK(ErrorOf({"--port", "9000", "--metrics-port", "9000"}).starts_with("metrics_port: "));
  CHECK(ErrorOf({"--prot", "80"}) == "unknown flag --prot; did you mean --port? (--help lists them all)");
  CHECK(ErrorOf({"--port"}) == "flag --port: a value is missing, expected a whole number from 0 to 65535");
  CHECK(ErrorOf({"--port", "x"}) == "flag --port: found \"x\", expected a whole number from 0 to 65535");
  CHECK(ErrorOf({"a", "b"}) == "unexpected argument \"b\": \"a\" is the model already");
  CHECK(ErrorOf({"--no-port"}).rfind("unknown flag --no-port", 0) == 0);
  CHECK(ErrorOf({"-p", "80"}).rfind("unknown flag -p", 0) == 0);
}

TEST_CASE("the environment: wrong values are errors, unknown names are warnings") {
  CHECK(ErrorOf({}, {"PUNA_PORT=tcp://10.0.0.1:80"}).find("enableServiceLinks") != std::string::npos);
  CHECK(ErrorOf({}, {"PUNA_MAX_NUM_SEQS=0"}) ==
        "environment PUNA_MAX_NUM_SEQS: found \"0\", expected a whole number from 1 to 1024");
  const Loaded l = Load(Lines{}, Lines{"PUNA_MAX_NUM_SEQ=4", "PUNA_SHARED=/x"});
  REQUIRE(l.warnings.size() == 1);
  CHECK(l.warnings[0] == "environment PUNA_MAX_NUM_SEQ is not an option; did you mean PUNA_MAX_NUM_SEQS?");
}

TEST_CASE("the config file: unknown, doubled and mistyped keys are errors") {
  const auto error = [](const std::string& text) {
    const TemporaryFile file(text);
    const std::string message = ErrorOf({"--config", file.path});
    return message.rfind(file.path, 0) == 0 ? message.substr(file.path.size()) : message;
  };
  CHECK(error(R"({"max_num_sequences": 4})") == ": unknown key \"max_num_sequences\"; did you mean max_num_seqs?");
  CHECK(error(R"({"port": 1, "port": 2})") == ": the key \"port\" stands twice; remove one");
  CHECK(error(R"({"port": "1"})") == ": key \"port\": found \"\"1\"\", expected a whole number from 0 to 65535");
  CHECK(error("[1]") == ": expected a JSON object of options, found array");
  CHECK(error("{").rfind(": not JSON: line 1, column 2: ", 0) == 0);
  CHECK(error("").rfind(": not JSON: line 1, column 1: ", 0) == 0);
  CHECK(error("{\"port\": 1,\n  port}").rfind(": not JSON: line 2, column 3: ", 0) == 0);
  CHECK(error(R"({"port": 1e999})") == ": a number is larger than any that can be read");
  CHECK(ErrorOf({"--config", "/no/such/file"}) ==
        "flag --config: cannot read the file /no/such/file; check the path and its permissions");
}

TEST_CASE("a folder in place of a file is called so") {
  for (const char* option : {"--config", "--api-key-file", "--keys-file"})
    CHECK(ErrorOf({option, "/tmp"}).ends_with(": /tmp is a folder, not a file"));
}

TEST_CASE("no error about the config file shows what may be a key") {
  for (const char* text : {R"({"api_key": {"secret-1": "secret-2"}})", R"({"api_key": ["a", ["secret"]]})",
                           R"({"api_key": "secret" "secret"})", R"({"api_key": ["secret)", R"({"api_key": secret})",
                           R"({"host": {"api_key": "secret"}})", R"({"port": {"api_key": "secret"}})",
                           "{\"api_key\": \"secret\x01\"}", "{\"api_key\": \"secret\xff\"}"}) {
    CAPTURE(text);
    const TemporaryFile file(text);
    const std::string message = ErrorOf({"--config", file.path});
    CHECK(message.starts_with(file.path));
    CHECK(message.find("secret") == std::string::npos);
  }
  const TemporaryFile file(R"({"api_key": {"a": 1}})");
  CHECK(ErrorOf({"--config", file.path}) ==
        file.path + ": key \"api_key\": found a value of type object, expected text, or a list of texts");
}

TEST_CASE("keys from a file are added, and an empty file does not open the server") {
  const TemporaryFile file("one\n\n  two \r\n");
  CHECK(Load(Lines{"--api-key=zero"}, Lines{"PUNA_API_KEY_FILE=" + file.path}).config.server.api_keys ==
        Lines{"zero", "one", "two"});
  const TemporaryFile empty("\n");
  CHECK(ErrorOf({}, {"PUNA_API_KEY_FILE=" + empty.path}).rfind("api_key_file: no key in", 0) == 0);
  CHECK(ErrorOf({"--api-key", "k\xc3\xa4se"}).rfind("api_key: ", 0) == 0);
}

TEST_CASE("who lets nobody in needs no keys") {
  const Lines environment = {"PUNA_API_KEY_FILE=/no/such/file", "PUNA_KEYS_FILE=/no/such/file"};
  CHECK(ErrorOf({}, environment).rfind("api_key_file: cannot read the file /no/such/file", 0) == 0);
  CHECK(Load(Lines{"--threads=2"}, environment, KeyFiles::kLeave).config.engine.threads == 2);
}

TEST_CASE("options that belong together") {
  CHECK(ErrorOf({"--tls-cert-file=c.pem"}) ==
        "tls_cert_file and tls_key_file: expected both or none, found only tls_cert_file");
  CHECK(ErrorOf({"--max-num-seqs=32", "--max-num-batched-tokens=31"}).rfind("max_num_batched_tokens: found 31", 0) ==
        0);
}

}  // namespace
}  // namespace puna::config
