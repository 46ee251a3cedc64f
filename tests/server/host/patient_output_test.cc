#include "server/host/patient_output.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
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

// A pipe, a pair of sockets, or a terminal: what a container's or a service's log is, or that of whoever tries it out.
enum class Ends { kPipe, kSockets, kTerminal };
struct Pair {
  explicit Pair(Ends what) {
    if (what == Ends::kTerminal) {
      OpenTerminal();
      return;
    }
    int ends[2];
    REQUIRE((what == Ends::kSockets ? socketpair(AF_UNIX, SOCK_STREAM, 0, ends) : pipe(ends)) == 0);
    in = ends[1];
    out = ends[0];
  }
  void OpenTerminal() {
    out = posix_openpt(O_RDWR | O_NOCTTY);
    REQUIRE(out >= 0);
    REQUIRE(grantpt(out) == 0);
    REQUIRE(unlockpt(out) == 0);
    in = open(ptsname(out), O_RDWR | O_NOCTTY);
    termios plain{};
    REQUIRE(tcgetattr(in, &plain) == 0);
    cfmakeraw(&plain);
    REQUIRE(tcsetattr(in, TCSANOW, &plain) == 0);
  }
  ~Pair() {
    close(in);
    if (out >= 0) close(out);
  }
  int in = -1, out = -1;
};

TEST_CASE("a reader that stands still is not waited for; what is dropped is counted and said") {
  for (const Ends what : {Ends::kPipe, Ends::kSockets, Ends::kTerminal}) {
    CAPTURE(static_cast<int>(what));
    const Pair pair(what);
    PatientOutput output(pair.in, kMaxKept, Told);
    const std::string line(99, 'x');
    const int lines = 10000;  // a megabyte; neither holds so much
    for (int i = 0; i < lines; ++i) output.Write(line + "\n");
    CHECK(output.dropped() > 0);
    const uint64_t dropped = output.dropped();
    std::string text;
    const auto read_until = [&](const std::string& wanted) {  // a terminal passes on what it has when it likes
      while (text.find(wanted) == std::string::npos) {
        text += ReadAll(pair.out);
        output.Flush(0);
      }
    };
    read_until(Told(dropped));
    output.Write("now\n");
    read_until("now\n");
    CHECK(output.dropped() == dropped);
    size_t kept = 0;
    for (size_t at = 0; (at = text.find(line + "\n", at)) != std::string::npos; at += line.size()) ++kept;
    CHECK(kept + dropped == static_cast<size_t>(lines));
    CHECK(text.size() == kept * 100 + Told(dropped).size() + 4);  // no line is torn
  }
}

TEST_CASE("an output that is broken loses its lines and nothing else") {
  signal(SIGPIPE, SIG_IGN);
  Pair pair(Ends::kPipe);
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
  const Pair pair(Ends::kPipe);
  PatientOutput output(pair.in, kMaxKept, Told);
  output.Write("a\n");
  CHECK((fcntl(pair.in, F_GETFL) & O_NONBLOCK) == 0);
}

}  // namespace
}  // namespace puna::server
