// What Python and Jinja have for text, no chat template that we know calls, and puna leaves out. Each name is there, so that its
// call says what is missing; tests/api/template/used_names_test.cc lists what templates call.
#include <array>
#include <utility>

#include "api/template/builtins.h"

namespace puna::api::jinja {
namespace {

constexpr auto kMethods = std::to_array<std::string_view>(
    {"casefold",     "center",      "encode",     "expandtabs", "format",    "format_map", "index",
     "isalnum",      "isalpha",     "isascii",    "isdecimal",  "isdigit",   "islower",    "isnumeric",
     "isidentifier", "isprintable", "isspace",    "istitle",    "isupper",   "ljust",      "maketrans",
     "rindex",       "rjust",       "rpartition", "swapcase",   "translate", "zfill"});
constexpr auto kFilters = std::to_array<std::string_view>({"center", "e", "escape", "filesizeformat", "forceescape",
                                                           "format", "pprint", "random", "striptags", "truncate",
                                                           "urlencode", "urlize", "wordcount", "wordwrap", "xmlattr"});

template <size_t kName>
Value MissingMethod(Interpreter&, const Value&, const Arguments&) {
  FailLeftOut("the method str." + std::string(kMethods[kName]));
}

template <size_t kName>
Value MissingFilter(Interpreter&, const Value&, const Arguments&) {
  FailLeftOut("the filter " + std::string(kFilters[kName]));
}

template <size_t... kNames>
std::vector<NamedBuiltin> MethodTable(std::index_sequence<kNames...>) {
  return {{kMethods[kNames], MissingMethod<kNames>}...};
}

template <size_t... kNames>
std::vector<NamedBuiltin> FilterTable(std::index_sequence<kNames...>) {
  return {{kFilters[kNames], MissingFilter<kNames>}...};
}

}  // namespace

void FailLeftOut(const std::string& what) {
  Fail(what + " is missing here: no chat template that puna knows uses it; write the template without it");
}

const std::vector<NamedBuiltin>& MissingStringMethods() {
  static const std::vector<NamedBuiltin> table = MethodTable(std::make_index_sequence<kMethods.size()>());
  return table;
}

const std::vector<NamedBuiltin>& MissingFilters() {
  static const std::vector<NamedBuiltin> table = FilterTable(std::make_index_sequence<kFilters.size()>());
  return table;
}

}  // namespace puna::api::jinja
