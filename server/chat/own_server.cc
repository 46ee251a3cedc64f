#include "server/chat/own_server.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <stdexcept>

namespace puna::server {
namespace {

// Its address is read from its log, which therefore is written at this level whatever the environment says. In the child:
// Ctrl-C in the terminal is the chat's, and the child does not outlive it.
[[noreturn]] void Become(const std::vector<std::string>& arguments, int standard_error) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  const int nothing = open("/dev/null", O_RDWR);
  dup2(nothing, STDIN_FILENO);
  dup2(nothing, STDOUT_FILENO);
  dup2(standard_error, STDERR_FILENO);
  std::vector<std::string> all = {"puna", "serve"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  for (const char* more :
       {"--host", "127.0.0.1", "--port", "0", "--metrics-port", "0", "--log-format", "text", "--log-level", "info"}) {
    all.emplace_back(more);
  }
  std::vector<char*> argv;
  for (std::string& argument : all) argv.push_back(argument.data());
  argv.push_back(nullptr);
  execv("/proc/self/exe", argv.data());
  _exit(127);
}

// Of "... serving NAME on http://127.0.0.1:PORT; ..."; "": the line says something else.
std::string UrlIn(const std::string& line) {
  const size_t serving = line.find("serving "), on = line.find(" on http", serving);
  if (serving == std::string::npos || on == std::string::npos) return "";
  const size_t url = on + 4;
  return line.substr(url, std::min(line.find_first_of("; ", url), line.size()) - url);
}

}  // namespace

OwnServer::OwnServer(const std::vector<std::string>& arguments) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("a pipe cannot be made");
  child_ = fork();
  if (child_ == 0) Become(arguments, ends[1]);
  close(ends[1]);
  log_ = ends[0];
  if (child_ < 0) throw std::runtime_error("a process for the server cannot be made");
  WaitUntilItServes();
  drain_ = std::thread([log = log_] {
    char bytes[4096];
    while (read(log, bytes, sizeof bytes) > 0) {
    }
  });
}

void OwnServer::WaitUntilItServes() {
  std::string line;
  for (char c = 0; url_.empty();) {
    if (read(log_, &c, 1) != 1) {
      waitpid(child_, nullptr, 0);
      child_ = -1;
      throw std::runtime_error("the server for this chat did not start; what it said stands above");
    }
    if (c != '\n') {
      line += c;
      continue;
    }
    url_ = UrlIn(line);
    if (url_.empty()) std::fprintf(stderr, "%s\n", line.c_str());
    line.clear();
  }
}

OwnServer::~OwnServer() {
  if (child_ > 0) {
    kill(child_, SIGTERM);
    waitpid(child_, nullptr, 0);
  }
  if (drain_.joinable()) drain_.join();
  if (log_ >= 0) close(log_);
}

}  // namespace puna::server
