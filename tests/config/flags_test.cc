#include "config/flags.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "config/help.h"

namespace puna::config {
namespace {

using Lines = std::vector<std::string>;

struct Inner {
  double rate = -1;  // out of its range: none
  int64_t tokens = 32;
};

struct Values {
  std::string model, text = "x";
  std::vector<std::string> names;
  std::vector<int> rows = {1, 2};
  bool pack = true;
  Inner inner;
};

std::string FaultOf(const std::string& text) { return text == "bad" ? "expected no bad text" : ""; }

const OptionTable<Values>& ValuesTable() {
  using Use = Option::Use;
  static const OptionTable<Values> table = {
      {{"model", "Arguments", "MODEL", "what is read", TextAt<&Values::model>(), Use::kRequiredArgument},
       {"names", "Arguments", "NAME", "more of them", ListAt<&Values::names>(), Use::kArgument}},
      {{"text", "Options", "FILE", "a file", TextAt<&Values::text>(FaultOf), Use::kRequiredFlag},
       {"rows", "Options", "N,N", "numbers of rows", IntegersAt<&Values::rows>(1, 96)},
       {"pack", "Options", "", "packs", SwitchAt<&Values::pack>()},
       {"rate", "Options", "X", "a rate", NumberAt<&Values::inner, &Inner::rate>(0, 2)},
       {"tokens", "Options", "N", "tokens", IntegerAt<&Values::inner, &Inner::tokens>(1, 64)}}};
  return table;
}

Values Read(const Lines& arguments) {
  Values values;
  CHECK(ReadOptions(ValuesTable(), arguments, values));
  return values;
}

std::string ErrorOf(const Lines& arguments) {
  Values values;
  try {
    ReadOptions(ValuesTable(), arguments, values);
  } catch (const ConfigError& e) {
    return e.what();
  }
  return "no error";
}

TEST_CASE("a struct is filled by its table: arguments in their order, flags in every form") {
  const Values v = Read({"m", "--text", "t", "n1", "--rows=4,8", "n2", "--no-pack", "--rate", "0.5", "--tokens", "7"});
  CHECK(v.model == "m");
  CHECK(v.names == Lines{"n1", "n2"});
  CHECK(v.text == "t");
  CHECK(v.rows == std::vector<int>{4, 8});
  CHECK_FALSE(v.pack);
  CHECK(v.inner.rate == 0.5);
  CHECK(v.inner.tokens == 7);
  CHECK(Read({"--text=t", "--", "-m", "--names"}).model == "-m");
  CHECK(Read({"m", "--text=t", "--pack=off"}).pack == false);
}

TEST_CASE("help is asked for, whatever else is wrong, and sets nothing") {
  Values values;
  CHECK_FALSE(ReadOptions(ValuesTable(), Lines{"--rows=4", "-h", "--rate=x"}, values));
  CHECK(values.rows == std::vector<int>{1, 2});
}

TEST_CASE("what is wrong with a command line is said with where, what and why") {
  CHECK(ErrorOf({"--text", "t"}) == "the argument MODEL is missing: what is read");
  CHECK(ErrorOf({"m"}) == "flag --text is missing: a file");
  CHECK(ErrorOf({"m", "--text", "bad"}) == "flag --text: expected no bad text");
  CHECK(ErrorOf({"m", "--text", "t", "--rows", "1,97"}) ==
        "flag --rows: found \"1,97\", expected whole numbers from 1 to 96, separated by commas");
  CHECK(ErrorOf({"m", "--text", "t", "--rows", ","}).starts_with("flag --rows: found"));
  CHECK(ErrorOf({"m", "--text", "t", "--rate", "-1"}) == "flag --rate: found \"-1\", expected a number from 0 to 2");
  CHECK(ErrorOf({"m", "--row", "1"}) == "unknown flag --row; did you mean --rows? (--help lists them all)");
  CHECK(ErrorOf({"m", "--model", "x"}).starts_with("unknown flag --model"));
  CHECK(ErrorOf({"m", "--help-markdown"}).starts_with("unknown flag --help-markdown"));
  CHECK(ErrorOf({"m", "--text"}) == "flag --text: a value is missing, expected text");
}

TEST_CASE("the help of a command begins with how it is called") {
  const std::string help = CommandHelp("puna pack", "packs.\n", ValuesTable().set());
  CHECK(help.starts_with("puna pack MODEL [NAME...] --text FILE [options]: packs.\n\nArguments\n  MODEL "));
  CHECK(help.find("what is read [required]\n") != std::string::npos);
  CHECK(help.find("  --rows N,N                      numbers of rows [1..96, separated by commas, default 1,2]\n") !=
        std::string::npos);
  CHECK(help.find("  --[no-]pack                     packs [default true]\n") != std::string::npos);
  CHECK(help.find("  --rate X                        a rate [0..2]\n") != std::string::npos);
}

}  // namespace
}  // namespace puna::config
