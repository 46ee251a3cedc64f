#include "config/completion.h"

#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "config/options.h"

namespace puna::config {
namespace {

struct Rates {
  int rows = 8;
  std::string format = "a";
};

const OptionTable<Rates>& RatesTable() {
  static const OptionTable<Rates> table = {{{"rows", "Options", "N", "how many", IntegerAt<&Rates::rows>(1, 96)},
                                            {"format", "Options", "F", "which", ChoiceAt<&Rates::format>({"a", "b"})}}};
  return table;
}

const Command kCommands[] = {{"serve", "answers 'clients': [all]", ServeOptions()},
                             {"rm", "takes models away"},
                             {"bench", "measures"},
                             {"bench kernels", "measures kernels", RatesTable().set()}};

bool Has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// What bash completes for the words, the last of which is being typed.
std::string Completed(const std::string& words, int at) {
  char name[] = "/tmp/puna_completion_XXXXXX";
  const int file = mkstemp(name);
  REQUIRE(file >= 0);
  std::ofstream(name) << CompletionScript("bash", kCommands) << "COMP_WORDS=(" << words << "); COMP_CWORD=" << at
                      << "; _puna; echo \"${COMPREPLY[*]}\"\n";
  FILE* out = popen(("bash " + std::string(name) + " 2>&1").c_str(), "r");
  REQUIRE(out != nullptr);
  std::string text;
  for (int c = 0; (c = std::fgetc(out)) != EOF;) text += static_cast<char>(c);
  pclose(out);
  std::remove(name);
  return text;
}

TEST_CASE("bash completes commands, options and choices") {
  CHECK(Completed("puna s", 1) == "serve\n");
  CHECK(Completed("puna serve --weigh", 2) == "--weights\n");
  CHECK(Completed("puna serve --weights w", 3) == "w8a8 w4a8\n");
  CHECK(Completed("puna serve --no-off", 2) == "--no-offline\n");
  CHECK(Completed("puna serve --port 8", 3) == "\n");
  CHECK(Completed("puna rm --weigh", 2) == "\n");
  CHECK(Completed("puna --weigh", 1) == "--weights\n");
}

TEST_CASE("bash completes a command's parts, each with its own options") {
  CHECK(Completed("puna bench k", 2) == "kernels\n");
  CHECK(Completed("puna bench kernels --", 3) == "--help --rows --format\n");
  CHECK(Completed("puna bench kernels --format ''", 4) == "a b\n");
  CHECK(Completed("puna bench kernels --rows 1", 4) == "\n");
  CHECK(Has(CompletionScript("fish", kCommands),
            "-n '__fish_seen_subcommand_from bench; and __fish_seen_subcommand_from kernels' -l rows"));
  CHECK(Has(CompletionScript("zsh", kCommands), "'bench kernels')"));
  CHECK(Has(ManualPage(kCommands, "1"),
            ".SH OPTIONS OF PUNA bench kernels\n.TP\n.B \\-\\-rows \\fIN\\fR\nhow many [1..96, default 8]\n"));
}

TEST_CASE("every option is in every script and in the manual") {
  const std::string bash = CompletionScript("bash", kCommands), zsh = CompletionScript("zsh", kCommands),
                    fish = CompletionScript("fish", kCommands), manual = ManualPage(kCommands, "1");
  for (const Option& option : Options()) {
    const std::string flag = option.flag();
    CAPTURE(flag);
    CHECK(Has(bash, " " + flag));
    CHECK(Has(zsh, "'" + flag));
    CHECK(Has(fish, " -l " + flag.substr(2)));
    std::string roff = flag.substr(2);
    for (size_t at = roff.find('-'); at != std::string::npos; at = roff.find('-', at + 2)) roff.insert(at, "\\");
    CHECK(Has(manual, roff));
  }
}

TEST_CASE("what has a meaning to a shell or to roff is told apart from it") {
  CHECK(Has(CompletionScript("zsh", kCommands), R"('serve:answers '\''clients'\''\: \[all\]')"));
  CHECK(Has(CompletionScript("fish", kCommands), R"(-d 'answers \'clients\': [all]')"));
  CHECK(Has(ManualPage(kCommands, "1"), ".B serve\nanswers 'clients'"));
  CHECK_THROWS_AS(CompletionScript("tcsh", kCommands), ConfigError);
}

}  // namespace
}  // namespace puna::config
