// PUNA_CHECK(condition) << "context": states what must hold inside our own code. A violated check is a bug of ours,
// never reachable from input: it throws a CheckError with file, line, condition and context. Whoever can end the work
// that met it and go on (the engine's step, an HTTP handler) catches it; elsewhere it ends the process with that text.
#pragma once

#include <sstream>
#include <stdexcept>

namespace puna::engine {

struct CheckError : std::logic_error {
  using std::logic_error::logic_error;
};

class CheckFailure {
 public:
  CheckFailure(const char* file, int line, const char* condition) {
    text_ << file << ':' << line << ": check failed: " << condition << ' ';
  }
  CheckFailure(const CheckFailure&) = delete;
  CheckFailure& operator=(const CheckFailure&) = delete;
  [[noreturn]] ~CheckFailure() noexcept(false) { throw CheckError(text_.str()); }
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
