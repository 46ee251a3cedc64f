#include "server/http/request_head.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace puna::server {
namespace {

constexpr std::string_view kSpace = " \t";

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

bool IsAlphanumeric(char c) { return (Lower(c) >= 'a' && Lower(c) <= 'z') || (c >= '0' && c <= '9'); }

bool IsTokenChar(char c) {
  return IsAlphanumeric(c) || (c != '\0' && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos);
}

bool IsToken(std::string_view text) { return !text.empty() && std::all_of(text.begin(), text.end(), IsTokenChar); }

bool IsVisible(char c) { return c > ' ' && c < 0x7f; }

// What a field's value may hold: visible characters, bytes beyond ASCII, and white space between them.
bool IsFieldChar(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return c == '\t' || (byte >= ' ' && byte != 0x7f);
}

std::string_view Trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

void AppendMembers(std::string_view list, std::vector<std::string>& members) {
  while (!list.empty()) {
    const size_t comma = std::min(list.find(','), list.size());
    if (const std::string_view member = Trim(list.substr(0, comma)); !member.empty()) members.emplace_back(member);
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
}

std::ptrdiff_t Count(const RequestHead& head, std::string_view name) {
  return std::count_if(head.fields.begin(), head.fields.end(),
                       [&](const HeaderField& field) { return EqualsIgnoringCase(field.name, name); });
}

// A name or address with an optional port; no user, no path. Empty is allowed.
bool IsAuthority(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return IsAlphanumeric(c) ||
           (c != '\0' && std::string_view("-._~%!$&'()*+,;=:[]").find(c) != std::string_view::npos);
  });
}

// "http://name:80/path?query": the path is the target, the authority stands for the Host (RFC 9112, section 3.2.2).
std::optional<FramingFault> SplitAbsoluteForm(RequestHead& head) {
  const size_t scheme_end = head.target.find("://");
  const std::string_view scheme(head.target.data(), std::min(scheme_end, head.target.size()));
  if (scheme_end == std::string::npos || !(EqualsIgnoringCase(scheme, "http") || EqualsIgnoringCase(scheme, "https")))
    return BadRequest("The target of the request must be a path, or a URL that begins with http:// or https://.");
  const size_t begin = scheme_end + 3;
  const size_t end = std::min(head.target.find_first_of("/?#", begin), head.target.size());
  std::string authority = head.target.substr(begin, end - begin);
  if (authority.empty() || !IsAuthority(authority)) return BadRequest("The URL in the request line names no host.");
  std::string path = head.target.substr(end);
  if (path.empty()) path = head.method == "OPTIONS" ? "*" : "/";
  if (path[0] == '?' || path[0] == '#') path.insert(0, "/");
  head.target = std::move(path);
  head.authority = std::move(authority);
  return std::nullopt;
}

std::optional<FramingFault> ReadTarget(RequestHead& head) {
  if (!std::all_of(head.target.begin(), head.target.end(), IsVisible))
    return BadRequest("The target of the request holds characters that must be percent-encoded.");
  if (head.method == "CONNECT") return FramingFault{501, "not_implemented", "This server is no proxy."};
  if (head.target == "*" && head.method == "OPTIONS") return std::nullopt;
  return head.target[0] == '/' ? std::nullopt : SplitAbsoluteForm(head);
}

std::optional<FramingFault> ReadVersion(std::string_view version, RequestHead& head) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (version.size() != 8 || version.substr(0, 5) != "HTTP/" || !is_digit(version[5]) || version[6] != '.' ||
      !is_digit(version[7]))
    return BadRequest("The request line must be METHOD TARGET HTTP/1.1, with one space between its parts.");
  if (version[5] != '1')
    return FramingFault{505, "http_version_not_supported", "This server speaks HTTP/1.0 and HTTP/1.1."};
  head.minor = version[7] == '0' ? 0 : 1;  // a later 1.x is answered as 1.1
  return std::nullopt;
}

// One Host, as HTTP/1.1 demands; the authority of an absolute form takes its place.
std::optional<FramingFault> ReadHost(RequestHead& head) {
  const std::ptrdiff_t given = Count(head, "Host");
  if (given > 1) return BadRequest("The header Host is given more than once.");
  if (given == 0 && head.minor >= 1) return BadRequest("The header Host is missing; HTTP/1.1 demands it.");
  if (given == 1 && !IsAuthority(*head.Find("Host")))
    return BadRequest("The header Host must be a name or an address, with or without a port.");
  if (head.authority.empty()) return std::nullopt;
  std::erase_if(head.fields, [](const HeaderField& field) { return EqualsIgnoringCase(field.name, "Host"); });
  head.fields.push_back({"Host", head.authority});
  return std::nullopt;
}

std::optional<FramingFault> ReadTransferEncoding(RequestHead& head) {
  const std::vector<std::string> codings = head.Members("Transfer-Encoding");
  if (Count(head, "Transfer-Encoding") == 0) return std::nullopt;
  if (head.minor == 0) return BadRequest("HTTP/1.0 knows no Transfer-Encoding.");
  if (Count(head, "Content-Length") > 0)
    return BadRequest("The length of the body is given twice; send Content-Length or Transfer-Encoding.");
  if (codings.empty() || !EqualsIgnoringCase(codings.back(), "chunked"))
    return BadRequest("Where the body ends cannot be told: 'chunked' must be the last Transfer-Encoding.");
  const auto chunked = [](const std::string& coding) { return EqualsIgnoringCase(coding, "chunked"); };
  if (std::count_if(codings.begin(), codings.end(), chunked) > 1)
    return BadRequest("The body is said to be chunked more than once.");
  if (codings.size() > 1)
    return FramingFault{501, "not_implemented", "The only Transfer-Encoding understood here is 'chunked'."};
  head.chunked = true;
  return std::nullopt;
}

std::optional<FramingFault> ReadContentLength(size_t max_body, RequestHead& head) {
  if (Count(head, "Content-Length") == 0) return std::nullopt;
  if (Count(head, "Content-Length") > 1)
    return BadRequest("The length of the body is given twice; send one Content-Length.");
  const std::string& text = *head.Find("Content-Length");
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), head.content_length);
  if (end != text.data() + text.size() || error == std::errc::invalid_argument)
    return BadRequest("Content-Length must be a number of bytes.");
  if (error == std::errc::result_out_of_range || head.content_length > max_body) return BodyTooLarge(max_body);
  return std::nullopt;
}

void ReadConnection(RequestHead& head) {
  bool close = false, keep = false;
  for (const std::string& token : head.Members("Connection")) {
    close = close || EqualsIgnoringCase(token, "close");
    keep = keep || EqualsIgnoringCase(token, "keep-alive");
  }
  head.keep_alive = !close && (head.minor >= 1 || keep);
}

std::optional<FramingFault> ReadExpect(RequestHead& head) {
  const std::string* expect = head.Find("Expect");
  if (expect == nullptr || head.minor == 0) return std::nullopt;  // HTTP/1.0 could not say so
  if (!EqualsIgnoringCase(*expect, "100-continue"))
    return FramingFault{417, "expectation_failed", "The only expectation understood here is '100-continue'."};
  head.expects_continue = true;
  return std::nullopt;
}

}  // namespace

FramingFault BadRequest(std::string message) { return {400, "invalid_http", std::move(message)}; }

FramingFault BodyTooLarge(size_t max_body) {
  return {413, "payload_too_large",
          "The body of the request is larger than this server takes (" + std::to_string(max_body >> 20) + " MiB)."};
}

bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return Lower(x) == Lower(y); });
}

const std::string* RequestHead::Find(std::string_view name) const {
  for (const HeaderField& field : fields) {
    if (EqualsIgnoringCase(field.name, name)) return &field.value;
  }
  return nullptr;
}

std::vector<std::string> RequestHead::Members(std::string_view name) const {
  std::vector<std::string> members;
  for (const HeaderField& field : fields) {
    if (EqualsIgnoringCase(field.name, name)) AppendMembers(field.value, members);
  }
  return members;
}

std::optional<FramingFault> ParseRequestLine(std::string_view line, RequestHead& head) {
  const size_t first = line.find(' '), last = line.rfind(' ');
  const bool three = first != std::string_view::npos && last > first + 1 && line.find(' ', first + 1) == last;
  if (!three || !IsToken(line.substr(0, first)))
    return BadRequest("The request line must be METHOD TARGET HTTP/1.1, with one space between its parts.");
  head.method = line.substr(0, first);
  head.target = line.substr(first + 1, last - first - 1);
  if (std::optional<FramingFault> fault = ReadVersion(line.substr(last + 1), head)) return fault;
  return ReadTarget(head);
}

// White space before the colon, and lines that continue the one before, are read differently by different servers.
std::optional<FramingFault> ParseField(std::string_view line, std::vector<HeaderField>& fields) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || !IsToken(line.substr(0, colon)))
    return BadRequest("A header line must be NAME: VALUE, without white space before the colon.");
  const std::string_view value = Trim(line.substr(colon + 1));
  if (!std::all_of(value.begin(), value.end(), IsFieldChar))
    return BadRequest("The header " + std::string(line.substr(0, colon)) + " holds a control character.");
  fields.push_back({std::string(line.substr(0, colon)), std::string(value)});
  return std::nullopt;
}

std::optional<FramingFault> Conclude(size_t max_body, RequestHead& head) {
  ReadConnection(head);
  std::optional<FramingFault> fault = ReadHost(head);
  if (!fault) fault = ReadTransferEncoding(head);
  if (!fault) fault = ReadContentLength(max_body, head);
  if (!fault) fault = ReadExpect(head);
  return fault;
}

FramingFault NoMemory() {
  return {503, "out_of_memory", "This server has no memory left for the request. Try again in a moment, or send less."};
}

}  // namespace puna::server
