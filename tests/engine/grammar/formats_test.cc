// Each format takes what is really written in it: a model that copies such a value must be able to. Values are put together
// here from parts, by hand-written rules that know nothing of the patterns.
#include "engine/grammar/schema/formats.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "engine/grammar/compile.h"
#include "engine/grammar/schema/json_nodes.h"
#include "tests/engine/grammar/grammar_runner.h"

namespace puna::engine {
namespace {

class Writer {
 public:
  explicit Writer(uint64_t seed) : random_(seed) {}

  int Number(int low, int high) { return low + static_cast<int>(random_() % static_cast<uint64_t>(high - low + 1)); }
  std::string Pick(const std::vector<std::string>& texts) { return texts[random_() % texts.size()]; }
  std::string Padded(int value, size_t digits) {
    const std::string text = std::to_string(value);
    return std::string(digits - std::min(digits, text.size()), '0') + text;
  }
  std::string Some(const std::string& alphabet, int low, int high) {
    std::string text;
    for (int n = Number(low, high); n > 0; --n) text += alphabet[random_() % alphabet.size()];
    return text;
  }
  // `count` parts with `between` in between.
  std::string Join(int count, const std::string& between, const std::function<std::string()>& part) {
    std::string text = part();
    for (int i = 1; i < count; ++i) text += between + part();
    return text;
  }

  std::string Word() {
    return Pick({"alpha", "beta", "shop", "data", "x", "api2", "news", "report", "a1b2", "northwind", "q"});
  }
  std::string Date() {
    static constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const int year = Pick({"new", "any"}) == "new" ? Number(1900, 2100) : Number(0, 9999), month = Number(1, 12);
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    const int days = month == 2 && leap ? 29 : kDays[month - 1];
    return Padded(year, 4) + "-" + Padded(month, 2) + "-" + Padded(Number(1, days), 2);
  }
  std::string Time() {
    const std::string fraction = Pick({"", "." + Some("0123456789", 1, 9)});
    const std::string zone = Pick({"Z", "z", "+00:00", "-08:00", "+05:45", "-23:59", "+14:00"});
    return Padded(Number(0, 23), 2) + ":" + Padded(Number(0, 59), 2) + ":" + Padded(Number(0, 59), 2) + fraction + zone;
  }
  std::string Duration() {
    const auto part = [&](const char* unit) { return std::to_string(Number(0, 400)) + unit; };
    const std::string time =
        Pick({part("H"), part("M"), part("S"), part("H") + part("M"), part("M") + part("S"), "1H0M3S"});
    return Pick({"P" + part("W"), "P" + part("D"), "P" + part("Y") + part("M") + part("D"), "PT" + time,
                 "P" + part("D") + "T" + time, "P" + part("Y"), "P" + part("M") + "T" + time});
  }
  std::string Label() {
    return Pick({Word(), Word() + "-" + Word(), "xn--" + Some("abcdefghijkl0123", 3, 20), Word() + "--" + Word(), "a"});
  }
  std::string Host() {
    return Join(Number(1, 5), ".", [&] { return Label(); }) + Pick({".org", ".co.uk", ".io", ""});
  }
  std::string Ipv4() {
    return Join(4, ".", [&] { return std::to_string(Number(0, 255)); });
  }
  std::string Hex() { return Some("0123456789abcdefABCDEF", 1, 4); }
  std::string Ipv6() {
    const auto groups = [&](int count) { return count == 0 ? "" : Join(count, ":", [&] { return Hex(); }); };
    const int before = Number(0, 5);
    return Pick({groups(8), groups(before) + "::" + groups(Number(0, 6 - before)), "::1", "::", "::ffff:" + Ipv4(),
                 groups(6) + ":" + Ipv4(), "64:ff9b::" + Ipv4(), "fe80::" + groups(4), groups(7) + "::"});
  }
  std::string Local() {
    return Pick({Word(), Word() + "." + Word() + "." + Word() + "." + Word(), Word() + "+" + Word() + "-" + Word(),
                 "o'" + Word(), "_" + Word() + "_", Word() + "=" + Word(), "!" + Word() + "%" + Word(),
                 "\"" + Word() + " " + Word() + "\""});
  }
  std::string Segment() {
    return Pick({Word(), Word() + "-" + Word() + "-" + Word() + "-" + Word() + "-" + Word(), Word() + "%20" + Word(),
                 Word() + "_(" + Word() + ")", "~" + Word(), "@" + Word(), Word() + ":" + Word(), "", "a,b;c=d",
                 Word() + ".tar.gz", "%E2%82%AC", "$" + Word() + "&" + Word() + "!*'"});
  }
  std::string Path() {
    return Join(Number(1, 9), "/", [&] { return Segment(); });
  }
  std::string Tail() {
    return Pick({"", "?" + Word() + "=" + Word() + "&next=/" + Word() + "?", "?q=" + Word() + "%2B" + Word()}) +
           Pick({"", "#", "#" + Word(), "#/" + Word() + "/" + Word() + "?" + Word()});
  }
  std::string Authority() {
    return Pick({"", Word() + "@", Word() + ":" + Word() + "@"}) + Pick({Host(), Host(), Ipv4(), "[" + Ipv6() + "]"}) +
           Pick({"", ":8080", ":443", ":"});
  }
  std::string Uri() {
    return Pick({"https://", "http://", "ftp://", "ws://", "s3://", "git+ssh://"}) + Authority() +
           Pick({"", "/" + Path()}) + Tail();
  }
  std::string AnyUri() {
    return Pick({Uri(), Uri(), Uri(), "mailto:" + Word() + "@" + Host() + "?subject=" + Word(), "tel:+1-201-555-0123",
                 "urn:isbn:0451450523", "urn:uuid:" + Uuid(), "data:text/plain;base64,SGVsbG8=",
                 "file:///etc/" + Path(), "about:blank", "doi:10.1000/182", "news:comp.infosystems"});
  }
  std::string Reference() {
    return Pick({AnyUri(), "/" + Word() + "/" + Path() + Tail(), "../" + Word() + Tail(), "./" + Word(),
                 "//" + Authority() + "/x", "#" + Word(), "?" + Word() + "=1", "", Word() + "/" + Word() + Tail()});
  }
  std::string Uuid() {
    const std::string hex = Pick({"0123456789abcdef", "0123456789ABCDEF"});
    return Some(hex, 8, 8) + "-" + Some(hex, 4, 4) + "-" + Some(hex, 4, 4) + "-" + Some(hex, 4, 4) + "-" +
           Some(hex, 12, 12);
  }
  std::string Template() {
    return Pick({"", "https://" + Host() + "/"}) +
           Pick({"{" + Word() + "}", "users/{id}/posts{?page,size}", "{+base}/x{#frag}", "{/seg*}", "{;a,b:3}",
                 "plain/" + Word(), "{&q}", "{.ext}", "{a.b}", ""});
  }
  std::string Pointer() {
    return Pick({"", "/" + Join(Number(1, 5), "/", [&] {
                       return Pick({Word(), "0", "12", "", "a~1b", "m~0n", " ", "%"});
                     })});
  }

 private:
  std::mt19937_64 random_;
};

struct Case {
  std::string format;
  std::function<std::string(Writer&)> write;
  std::vector<std::string> wrong;
};

const std::vector<Case>& Cases() {
  static const std::vector<Case> kCases = {
      {"date", [](Writer& w) { return w.Date(); }, {"2023-02-29", "2024-13-01", "2024-1-1", "24-01-01"}},
      {"time", [](Writer& w) { return w.Time(); }, {"12:00:00", "24:00:00Z", "12:60:00Z", "12:00Z"}},
      {"date-time",
       [](Writer& w) {
         return w.Date() + w.Pick({"T", "t"}) + w.Time();
       },
       {"2024-01-01 12:00:00Z", "2024-01-01"}},
      {"duration", [](Writer& w) { return w.Duration(); }, {"P", "PT", "1D", "P1D1W", "P1H"}},
      {"email", [](Writer& w) { return w.Local() + "@" + w.Host(); }, {"a@", "@b.org", "a b@c.org", "a..b@c.org", "a"}},
      {"idn-email",
       [](Writer& w) {
         return w.Pick({w.Local(), "jos\u00e9", "\u7528\u6237"}) + "@" + w.Pick({w.Host(), "b\u00fccher.example"});
       },
       {"a@", "a b@c"}},
      {"hostname", [](Writer& w) { return w.Host(); }, {"-a.org", "a-.org", "a..b", "a_b", std::string(64, 'a')}},
      {"ipv4", [](Writer& w) { return w.Ipv4(); }, {"1.2.3", "256.1.1.1", "01.2.3.4", "1.2.3.4.5"}},
      {"ipv6", [](Writer& w) { return w.Ipv6(); }, {"1:2:3", "::1::", "12345::", "1:2:3:4:5:6:7:8:9", "::g"}},
      {"uuid", [](Writer& w) { return w.Uuid(); }, {"0", "g0000000-0000-0000-0000-000000000000"}},
      {"uri", [](Writer& w) { return w.AnyUri(); }, {"/a/b", "http://a b", "http://a/%zz", "//x", "http://a/\u00e9"}},
      {"uri-reference", [](Writer& w) { return w.Reference(); }, {"a b", "%", "\\\\x"}},
      {"iri",
       [](Writer& w) {
         return w.Pick({w.AnyUri(), "https://" + w.Host() + "/\u00e9/\u4e2d?q=\u00fc#\u00df",
                        "http://b\u00fccher.example/" + w.Path()});
       },
       {"/a", "http://a b"}},
      {"iri-reference",
       [](Writer& w) {
         return w.Pick({w.Reference(), "../\u00fc?" + w.Word(), "/\u4e2d/" + w.Path(), "#\u00e9"});
       },
       {"a b", "%"}},
      {"uri-template", [](Writer& w) { return w.Template(); }, {"{", "{a", "a}", "{}"}},
      {"json-pointer", [](Writer& w) { return w.Pointer(); }, {"a", "/~", "/~2"}},
      {"relative-json-pointer",
       [](Writer& w) {
         return std::to_string(w.Number(0, 40)) + w.Pick({"#", w.Pointer()});
       },
       {"", "/a", "01"}},
  };
  return kCases;
}

TEST_CASE("a thousand values of each format can be copied, and what is none cannot be written") {
  for (const Case& c : Cases()) {
    CAPTURE(c.format);
    REQUIRE(FindFormat(c.format) != nullptr);
    const Grammar grammar =
        CompileAnswer({AnswerSpec::Kind::kJsonSchema, R"({"type": "string", "format": ")" + c.format + "\"}"});
    Writer writer(1);
    for (int i = 0; i < 1000; ++i) {
      const std::string value = c.write(writer);
      CAPTURE(value);
      CHECK(Run(grammar, DumpJson(Json(value))) == Match::kWhole);
    }
    for (const std::string& value : c.wrong) {
      CAPTURE(value);
      CHECK(Run(grammar, DumpJson(Json(value))) != Match::kWhole);
    }
  }
}

TEST_CASE("every format that is enforced has its thousand values") {
  for (const char* name : {"date", "time", "date-time", "duration", "email", "idn-email", "hostname", "idn-hostname",
                           "ipv4", "ipv6", "uuid", "uri", "uri-reference", "iri", "iri-reference", "uri-template",
                           "json-pointer", "relative-json-pointer", "regex"}) {
    const bool tested = std::any_of(Cases().begin(), Cases().end(), [&](const Case& c) { return c.format == name; });
    CHECK_MESSAGE(tested == (FindFormat(name) != nullptr), name);
  }
}

}  // namespace
}  // namespace puna::engine
