#include "server/http/head_reader.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <string>
#include <string_view>
#include <utility>

namespace puna::server {
namespace {

// What is between the client's connection and ours, and no business of whoever answers; and a range, of which nothing here
// has any.
constexpr std::string_view kOfConnection[] = {
    "Connection", "Content-Length", "Expect", "Keep-Alive", "Range", "Transfer-Encoding", "TE", "Trailer", "Upgrade"};

bool IsOfConnection(const std::string& name) {
  return std::any_of(std::begin(kOfConnection), std::end(kOfConnection),
                     [&](std::string_view known) { return EqualsIgnoringCase(known, name); });
}

// The library takes %41 in a value for an A. Written so, it gets back what was sent.
void AppendValue(const std::string& value, std::string& text) {
  for (const char c : value) {
    text += c;
    if (c == '%') text += "25";
  }
}

// One way to write what has many.
std::string Canonical(const RequestHead& head) {
  std::string text = head.method + ' ' + head.target + " HTTP/1.1\r\n";
  for (const HeaderField& field : head.fields) {
    if (IsOfConnection(field.name)) continue;
    text.append(field.name).append(": ");
    AppendValue(field.value, text);
    text += "\r\n";
  }
  return text + "\r\n";
}

// The head instead of a socket; what the library would send is not wanted.
class HeadStream : public httplib::Stream {
 public:
  explicit HeadStream(std::string_view text) : text_(text) {}
  bool is_readable() const override { return true; }
  bool is_writable() const override { return true; }
  ssize_t read(char* data, size_t size) override {
    const size_t count = std::min(size, text_.size());
    std::memcpy(data, text_.data(), count);
    text_.remove_prefix(count);
    return static_cast<ssize_t>(count);
  }
  ssize_t write(const char*, size_t size) override { return static_cast<ssize_t>(size); }
  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  socket_t socket() const override { return INVALID_SOCKET; }

 private:
  std::string_view text_;
};

// The library's server without its sockets: it reads one head, and hands it over in place of routing it.
class Reader : private httplib::Server {
 public:
  std::shared_ptr<const httplib::Request> Read(const std::string& text) {
    std::shared_ptr<const httplib::Request> request;
    set_pre_routing_handler([&](const httplib::Request& in, httplib::Response&) {
      request = std::make_shared<httplib::Request>(in);
      return HandlerResponse::Handled;
    });
    // The library makes a reply of whatever is thrown; here it is a lack of memory, and goes on to whoever asked.
    std::exception_ptr failure;
    set_exception_handler(
        [&](const httplib::Request&, httplib::Response&, std::exception_ptr thrown) { failure = std::move(thrown); });
    HeadStream stream(text);
    bool closed = false;
    process_request(stream, "", 0, "", 0, /*close_connection=*/true, closed, nullptr);
    if (failure) std::rethrow_exception(failure);
    return request;
  }
};

}  // namespace

std::shared_ptr<const httplib::Request> ReadHead(const RequestHead& head) { return Reader().Read(Canonical(head)); }

}  // namespace puna::server
