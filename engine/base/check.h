// PUNA_CHECK(condition) << "context": states what must hold inside our own code. A violated check is a bug of ours,
// never reachable from input: it prints file, line, condition and context, then aborts.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <sstream>

namespace puna::engine {

class CheckFailure {
 public:
  CheckFailure(const char* file, int line, const char* condition) {
    text_ << file << ':' << line << ": check failed: " << condition << ' ';
  }
  CheckFailure(const CheckFailure&) = delete;
  CheckFailure& operator=(const CheckFailure&) = delete;
  [[noreturn]] ~CheckFailure() {
    std::fprintf(stderr, "%s\n", text_.str().c_str());
    std::abort();
  }
  std::ostringstream& text() { return text_; }

 private:
  std::ostringstream text_;
};

}  // namespace puna::engine

#define PUNA_CHECK(condition) \
  if (condition) [[likely]] { \
  } else                      \
    ::puna::engine::CheckFailure(__FILE__, __LINE__, #condition).text()

#ifdef NDEBUG
#define PUNA_DCHECK(condition) PUNA_CHECK(true || (condition))
#else
#define PUNA_DCHECK(condition) PUNA_CHECK(condition)
#endif
