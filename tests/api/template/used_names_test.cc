// What chat templates call, and what puna leaves out of Python's and Jinja's library for text because none of them does.
//
// Read for this list: templates that @huggingface/jinja renders in its tests, eleven of those that llama.cpp carries, and the
// goldens' (Llama 3.1 and 3.2, Hermes 3, ChatML). Names that more than one family calls stand with the first.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "api/template/builtins.h"
#include "tests/api/template/render_case.h"

namespace puna::api {
namespace {

struct Family {
  std::string_view templates;
  std::vector<std::string_view> filters, tests, text_methods, dict_methods;
};

const std::vector<Family>& Families() {
  static const std::vector<Family> families = {
      {"Llama 3.1 and 3.2",
       {"trim", "tojson", "length", "items", "join", "reject"},
       {"defined", "none", "mapping", "iterable", "equalto"},
       {},
       {}},
      {"Llama 3.2 Vision, Llama Guard 3", {"selectattr"}, {"string"}, {}, {}},
      {"Llama 3.3 Nemotron", {}, {}, {"replace", "split", "lstrip"}, {}},
      {"Hermes 2 and 3", {"items"}, {"iterable"}, {}, {}},
      {"ChatML, Qwen 1.5 and 2.5", {"tojson"}, {"defined"}, {}, {}},
      {"Qwen 3 and 3.5",
       {"safe", "string"},
       {"false", "undefined", "sequence"},
       {"startswith", "endswith", "rstrip"},
       {}},
      {"DeepSeek R1, its distillates, V3.2", {"default"}, {}, {"split"}, {"get", "items"}},
      {"Mistral 7B, Nemo, Small", {"list", "rejectattr"}, {}, {}, {"get", "items"}},
      {"Mistral in GGUF by CISC", {"map"}, {}, {}, {}},
      {"Gemma 4", {"dictsort", "upper", "first"}, {"boolean"}, {}, {}},
      {"Command R", {"indent"}, {}, {"strip"}, {"items"}},
      {"Command A and MiniCPM 3", {"title"}, {}, {}, {}},
      {"GLM 4.5", {"last"}, {}, {"strip"}, {}},
      {"GigaChat 3.5", {"replace", "int"}, {"integer", "float"}, {}, {"keys"}},
      {"Kimi K2 and K3", {}, {"number"}, {}, {"get"}},
      {"OpenChat 3.5", {}, {}, {"title"}, {}},
      {"Functionary and others", {"capitalize", "lower"}, {}, {}, {}},
  };
  return families;
}

// Cheap kin of those above, which the reader of a template expects to be there.
constexpr std::string_view kKin[] = {"upper", "lower", "capitalize", "rsplit",       "splitlines",   "partition",
                                     "find",  "rfind", "count",      "removeprefix", "removesuffix", "join"};

bool LeftOut(const std::vector<jinja::NamedBuiltin>& missing, std::string_view name) {
  return std::ranges::any_of(missing, [&](const jinja::NamedBuiltin& b) { return b.name == name; });
}

jinja::Builtin MethodOf(const jinja::Value& value, std::string_view name) {
  bool unsafe = false;
  return jinja::FindMethod(value, name, &unsafe);
}

TEST_CASE("what chat templates call is there") {
  const jinja::Value text = jinja::Value::Trusted(nullptr, "x"), dict = jinja::Value::Dict(nullptr, {});
  for (const Family& family : Families()) {
    CAPTURE(family.templates);
    for (const std::string_view name : family.filters) {
      CAPTURE(name);
      CHECK((jinja::FindFilter(name) != nullptr));
      CHECK_FALSE(LeftOut(jinja::MissingFilters(), name));
    }
    for (const std::string_view name : family.tests) CHECK_MESSAGE((jinja::FindTest(name) != nullptr), name);
    for (const std::string_view name : family.text_methods) {
      CAPTURE(name);
      CHECK((MethodOf(text, name) != nullptr));
      CHECK_FALSE(LeftOut(jinja::MissingStringMethods(), name));
    }
    for (const std::string_view name : family.dict_methods) CHECK_MESSAGE((MethodOf(dict, name) != nullptr), name);
  }
}

TEST_CASE("str has what templates call, its kin, and nothing else") {
  std::vector<std::string_view> known(std::begin(kKin), std::end(kKin));
  for (const Family& family : Families())
    known.insert(known.end(), family.text_methods.begin(), family.text_methods.end());
  for (const auto* table : {&jinja::StringMethods(), &jinja::StringSplitMethods()}) {
    for (const jinja::NamedBuiltin& method : *table)
      CHECK_MESSAGE(std::ranges::count(known, method.name) > 0, method.name);
  }
  for (const std::string_view name : known)
    CHECK_MESSAGE((MethodOf(jinja::Value::Trusted(nullptr, "x"), name) != nullptr), name);
}

TEST_CASE("what is left out says so when it is called, and only then") {
  const std::string why = " is missing here: no chat template that puna knows uses it; write the template without it";
  for (const jinja::NamedBuiltin& method : jinja::MissingStringMethods()) {
    CHECK(RenderError("{{ 'x'." + std::string(method.name) + "(1) }}") ==
          "the method str." + std::string(method.name) + why);
  }
  for (const jinja::NamedBuiltin& filter : jinja::MissingFilters()) {
    const std::string name(filter.name);
    CHECK(RenderError("{{ 'x'|" + name + " }}") == "the filter " + name + why);
    CHECK(RenderText("{% if false %}{{ 'x'|" + name + " }}{% endif %}ok") == "ok");
  }
  CHECK(RenderError("{{ '%s' % 'x' }}") == "the operator % on str (printf's formats)" + why);
  CHECK(RenderError("{{ 'x' is upper }}") == "No test named 'upper'.");
}

}  // namespace
}  // namespace puna::api
