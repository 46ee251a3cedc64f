// libFuzzer entry: any text as a JSON Schema, a regex, GBNF, a tool's parameters or a Lark grammar becomes a grammar or is
// refused; nothing crashes or hangs. The first byte chooses.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/grammar/automata/grammar_error.h"
#include "tests/engine/grammar/compile_support.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace puna::engine;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  try {
    switch (data[0] % 5) {
      case 0:
        CompileJsonSchema(text);
        break;
      case 1:
        CompileRegex(text);
        break;
      case 2:
        CompileGbnf(text);
        break;
      case 3:
        CompileToolCalls({{"f", std::string(text)}}, {"{\"name\": \"", "\", \"parameters\": ", "}", "; "}, true);
        break;
      case 4:
        CompileToolCalls({{"f", std::string(text), true, ToolGrammarSpec::Input::kLark}}, kLlamaCalls, true);
        break;
    }
  } catch (const GrammarError&) {
  }
  return 0;
}
