#include "server/host/patient_output.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <string>

namespace puna::server {
namespace {

constexpr size_t kMaxKept = 4096;

std::string Told(uint64_t dropped) { return "dropped " + std::to_string(dropped) + "\n"; }

std::string ReadAll(int fd) {
  fcntl(fd, F_SETFL, O_NONBLOCK);
  std::string text;
  char piece[65536];
  for (ssize_t count; (count = read(fd, piece, sizeof piece)) > 0;) text.append(piece, static_cast<size_t>(count));
  return text;
}

// A pipe, or a pair of sockets: what a container's or a service's log is.
struct Pair {
  explicit Pair(bool sockets) {
    int ends[2];
    REQUIRE((sockets ? socketpair(AF_UNIX, SOCK_STREAM, 0, ends) : pipe(ends)) == 0);
    in = ends[1];
    out = ends[0];
  }
  ~Pair() {
    close(in);
    if (out >= 0) close(out);
  }
  int in, out;
};

TEST_CASE("a reader that stands still is not waited for; what is dropped is counted and said") {
  for (const bool sockets : {false, true}) {
    CAPTURE(sockets);
    const Pair pair(sockets);
    PatientOutput output(pair.in, kMaxKept, Told);
    const std::string line(99, 'x');
    const int lines = 10000;  // a megabyte; neither holds so much
    for (int i = 0; i < lines; ++i) output.Write(line + "\n");
    CHECK(output.dropped() > 0);
    std::string text = ReadAll(pair.out);
    output.Write("now\n");
    text += ReadAll(pair.out);
    output.Flush(1000);
    text += ReadAll(pair.out);
    const uint64_t dropped = output.dropped();
    CHECK(text.find(Told(dropped)) != std::string::npos);
    CHECK(text.find("now\n") != std::string::npos);
    size_t kept = 0;
    for (size_t at = 0; (at = text.find(line + "\n", at)) != std::string::npos; at += line.size()) ++kept;
    CHECK(kept + dropped == static_cast<size_t>(lines));
    CHECK(text.size() == kept * 100 + Told(dropped).size() + 4);  // no line is torn
  }
}

TEST_CASE("an output that is broken loses its lines and nothing else") {
  signal(SIGPIPE, SIG_IGN);
  Pair pair(false);
  PatientOutput output(pair.in, kMaxKept, Told);
  output.Write("a\n");
  close(pair.out);
  pair.out = -1;
  for (int i = 0; i < 100; ++i) output.Write("b\n");
  output.Flush(100);
  CHECK(output.dropped() >= 100);
  const int full = open("/dev/full", O_WRONLY);
  REQUIRE(full >= 0);
  PatientOutput disk(full, kMaxKept, Told);
  disk.Write("a\n");
  CHECK(disk.dropped() >= 1);
  close(full);
}

TEST_CASE("the file that others share goes on blocking") {
  const Pair pair(false);
  PatientOutput output(pair.in, kMaxKept, Told);
  output.Write("a\n");
  CHECK((fcntl(pair.in, F_GETFL) & O_NONBLOCK) == 0);
}

}  // namespace
}  // namespace puna::server
