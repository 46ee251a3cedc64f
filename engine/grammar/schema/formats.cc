#include "engine/grammar/schema/formats.h"

#include <algorithm>
#include <string_view>

namespace puna::engine {
namespace {

#define PUNA_LEAP_YEAR "(?:\\d\\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
#define PUNA_DATE                                                                                                     \
  "(?:\\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)|02-(?:0[1-9]|1\\d|2[" \
  "0-8]))"                                                                                                            \
  "|" PUNA_LEAP_YEAR "-02-29)"
#define PUNA_OFFSET "(?:[Zz]|[+-](?:[01]\\d|2[0-3]):[0-5]\\d)"
#define PUNA_TIME \
  "(?:(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d+)?" PUNA_OFFSET "|23:59:60(?:\\.\\d+)?(?:[Zz]|[+-]00:00))"

#define PUNA_BYTE "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)"
#define PUNA_IPV4 PUNA_BYTE "(?:\\." PUNA_BYTE "){3}"
#define PUNA_H16 "[0-9a-fA-F]{1,4}"
#define PUNA_LS32 "(?:" PUNA_H16 ":" PUNA_H16 "|" PUNA_IPV4 ")"
#define PUNA_H16S(most) "(?:(?:" PUNA_H16 ":){0," most "}" PUNA_H16 ")?"  // one more than `most` in front of "::"
#define PUNA_IPV6                                                                                            \
  "(?:(?:" PUNA_H16 ":){6}" PUNA_LS32 "|::(?:" PUNA_H16 ":){5}" PUNA_LS32 "|(?:" PUNA_H16 ")?::(?:" PUNA_H16 \
  ":){4}" PUNA_LS32 "|" PUNA_H16S("1") "::(?:" PUNA_H16 ":){3}" PUNA_LS32 "|" PUNA_H16S(                     \
      "2") "::(?:" PUNA_H16 ":){2}" PUNA_LS32                                                                \
           "|" PUNA_H16S("3") "::" PUNA_H16 ":" PUNA_LS32                                                    \
                              "|" PUNA_H16S("4") "::" PUNA_LS32 "|" PUNA_H16S("5") "::" PUNA_H16             \
                                                                                   "|" PUNA_H16S("6") "::)"

#define PUNA_ALNUM "[A-Za-z0-9]"
#define PUNA_LABEL(inner) PUNA_ALNUM "(?:[A-Za-z0-9-]{0," inner "}" PUNA_ALNUM ")?"  // of inner + 2 characters
#define PUNA_LONG PUNA_LABEL("61")
#define PUNA_SHORT PUNA_LABEL("12")
#define PUNA_HOSTNAME \
  PUNA_LONG "(?:\\." PUNA_LONG "){0,2}(?:\\." PUNA_LABEL("59") ")?"                                               \
  "|" PUNA_LABEL("28") "(?:\\." PUNA_LABEL("28") "){0,7}|" PUNA_LABEL("9") "(?:\\." PUNA_LABEL("9") "){0,19}"     \
  "|(?:" PUNA_SHORT "\\.){0,11}" PUNA_LONG "(?:\\." PUNA_SHORT ")?|" PUNA_LONG "(?:\\." PUNA_SHORT "){0,12}"

#define PUNA_ATOM "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
#define PUNA_QUOTED(more) "\"(?:[\\x20\\x21\\x23-\\x5B\\x5D-\\x7E" more "]|\\\\[\\x20-\\x7E])*\""
#define PUNA_DOMAIN_LABEL PUNA_ALNUM "(?:[A-Za-z0-9-]*" PUNA_ALNUM ")?"
#define PUNA_LITERAL "\\[(?:" PUNA_IPV4 "|IPv6:" PUNA_IPV6 ")\\]"
#define PUNA_OTHER "\\u0080-\\uD7FF\\uE000-\\u{10FFFF}"
#define PUNA_IDN_ATOM "[A-Za-z0-9!#$%&'*+/=?^_`{|}~" PUNA_OTHER "-]+"
#define PUNA_IDN_LABEL "[A-Za-z0-9" PUNA_OTHER "](?:[A-Za-z0-9" PUNA_OTHER "-]*[A-Za-z0-9" PUNA_OTHER "])?"

#define PUNA_ESCAPE "%[0-9a-fA-F]{2}"
#define PUNA_SCHEME "[A-Za-z][A-Za-z0-9+.-]*:"
#define PUNA_UNRESERVED "A-Za-z0-9._~-"
#define PUNA_SUB "!$&'()*+,;="
#define PUNA_UCS                                                                                                 \
  "\\u00A0-\\uD7FF\\uF900-\\uFDCF\\uFDF0-\\uFFEF\\u{10000}-\\u{1FFFD}\\u{20000}-\\u{2FFFD}\\u{30000}-\\u{3FFFD}" \
  "\\u{40000}-\\u{4FFFD}\\u{50000}-\\u{5FFFD}\\u{60000}-\\u{6FFFD}\\u{70000}-\\u{7FFFD}\\u{80000}-\\u{8FFFD}"    \
  "\\u{90000}-\\u{9FFFD}\\u{A0000}-\\u{AFFFD}\\u{B0000}-\\u{BFFFD}\\u{C0000}-\\u{CFFFD}\\u{D0000}-\\u{DFFFD}"    \
  "\\u{E1000}-\\u{EFFFD}"
#define PUNA_PRIVATE "\\uE000-\\uF8FF\\u{F0000}-\\u{FFFFD}\\u{100000}-\\u{10FFFD}"
#define PUNA_IP_LITERAL "\\[(?:" PUNA_IPV6 "|[Vv][0-9a-fA-F]+\\.[" PUNA_SUB ":A-Za-z0-9._~-]+)\\]"
// With `more` allowed beside ASCII (the hyphen that ends a class stands last), `query` in queries only.
#define PUNA_PCHAR(more) "(?:[" PUNA_SUB ":@" more PUNA_UNRESERVED "]|" PUNA_ESCAPE ")"
#define PUNA_AUTHORITY(more)                                   \
  "(?:(?:[" PUNA_SUB ":" more PUNA_UNRESERVED "]|" PUNA_ESCAPE \
  ")*@)?"                                                      \
  "(?:" PUNA_IP_LITERAL "|(?:[" PUNA_SUB more PUNA_UNRESERVED "]|" PUNA_ESCAPE ")*)(?::\\d*)?"
#define PUNA_ABEMPTY(more) "(?:/" PUNA_PCHAR(more) "*)*"
#define PUNA_ABSOLUTE(more) "/(?:" PUNA_PCHAR(more) "+" PUNA_ABEMPTY(more) ")?"
#define PUNA_TAIL(more, query)                                             \
  "(?:\\?(?:[/?" PUNA_SUB ":@" more query PUNA_UNRESERVED "]|" PUNA_ESCAPE \
  ")*)?"                                                                   \
  "(?:#(?:[/?" PUNA_SUB ":@" more PUNA_UNRESERVED "]|" PUNA_ESCAPE ")*)?"
#define PUNA_URI(more, query)                                                                         \
  PUNA_SCHEME "(?://" PUNA_AUTHORITY(more) PUNA_ABEMPTY(more) "|" PUNA_ABSOLUTE(more) "|" PUNA_PCHAR( \
      more) "+" PUNA_ABEMPTY(more) "|)" PUNA_TAIL(more, query)
#define PUNA_RELATIVE(more, query)                                                                          \
  "(?://" PUNA_AUTHORITY(more)                                                                              \
      PUNA_ABEMPTY(more) "|" PUNA_ABSOLUTE(more) "|(?:[" PUNA_SUB "@" more PUNA_UNRESERVED "]|" PUNA_ESCAPE \
                                                 ")+" PUNA_ABEMPTY(more) "|)" PUNA_TAIL(more, query)

#define PUNA_POINTER "(?:/(?:[^~/]|~[01])*)*"
#define PUNA_VARNAME "(?:[A-Za-z0-9_]|" PUNA_ESCAPE ")(?:\\.?(?:[A-Za-z0-9_]|" PUNA_ESCAPE "))*"
#define PUNA_VARSPEC PUNA_VARNAME "(?::[1-9]\\d{0,3}|\\*)?"

constexpr std::pair<std::string_view, StringFormat> kFormats[] = {
    {"date", {PUNA_DATE}},
    {"time", {PUNA_TIME}},
    {"date-time", {PUNA_DATE "[Tt]" PUNA_TIME}},
    {"duration",
     {"P(?:\\d+W|(?:\\d+D|\\d+M(?:\\d+D)?|\\d+Y(?:\\d+M(?:\\d+D)?)?)(?:T(?:\\d+H(?:\\d+M(?:\\d+S)?)?|\\d+M(?:\\d+S)?|"
      "\\d+S))?"
      "|T(?:\\d+H(?:\\d+M(?:\\d+S)?)?|\\d+M(?:\\d+S)?|\\d+S))"}},
    {"email",
     {"(?:" PUNA_ATOM "(?:\\." PUNA_ATOM ")*|" PUNA_QUOTED("") ")@(?:" PUNA_DOMAIN_LABEL "(?:\\." PUNA_DOMAIN_LABEL
                                                               ")*|" PUNA_LITERAL ")"}},
    {"idn-email",
     {"(?:" PUNA_IDN_ATOM "(?:\\." PUNA_IDN_ATOM
      ")*|" PUNA_QUOTED(PUNA_OTHER) ")@(?:" PUNA_IDN_LABEL "(?:\\." PUNA_IDN_LABEL ")*|" PUNA_LITERAL ")"}},
    {"hostname", {PUNA_HOSTNAME, 253}},
    {"ipv4", {PUNA_IPV4, 15}},
    {"ipv6", {PUNA_IPV6, 45}},
    {"uuid", {"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}", 36}},
    {"uri", {PUNA_URI("", "")}},
    {"uri-reference", {PUNA_URI("", "") "|" PUNA_RELATIVE("", "")}},
    {"iri", {PUNA_URI(PUNA_UCS, PUNA_PRIVATE)}},
    {"iri-reference", {PUNA_URI(PUNA_UCS, PUNA_PRIVATE) "|" PUNA_RELATIVE(PUNA_UCS, PUNA_PRIVATE)}},
    {"uri-template",
     {"(?:[\\x21\\x23\\x24\\x26-\\x3B\\x3D\\x3F-\\x5B\\x5D\\x5F\\x61-\\x7A\\x7E" PUNA_UCS PUNA_PRIVATE "]|" PUNA_ESCAPE
      "|\\{[+#./;?&=,!@|]?" PUNA_VARSPEC "(?:," PUNA_VARSPEC ")*\\})*"}},
    {"json-pointer", {PUNA_POINTER}},
    {"relative-json-pointer", {"(?:0|[1-9]\\d*)(?:#|" PUNA_POINTER ")"}},
};

constexpr std::string_view kNumberFormats[] = {
    "int8",    "int16", "int32",   "int64",   "int",    "uint8",   "uint16", "uint32",  "uint64", "uint",     "int128",
    "uint128", "float", "float32", "float64", "double", "decimal", "number", "integer", "long",   "unix-time"};

}  // namespace

const StringFormat* FindFormat(const std::string& name) {
  const auto found =
      std::find_if(std::begin(kFormats), std::end(kFormats), [&](const auto& entry) { return entry.first == name; });
  return found == std::end(kFormats) ? nullptr : &found->second;
}

bool IsNumberFormat(const std::string& name) {
  return std::find(std::begin(kNumberFormats), std::end(kNumberFormats), name) != std::end(kNumberFormats);
}

}  // namespace puna::engine
