// The one shape of the tokenizer loaders' errors.
#pragma once

#include <string>
#include <string_view>

namespace puna::engine {

// Throws std::runtime_error "SOURCE: WHERE: expected EXPECTED, found FOUND; REMEDY", one printable
// line. `where` may be empty. FOUND may be text from the file: it is cut and its control characters
// are replaced.
[[noreturn]] void ThrowLoadError(std::string_view source, std::string_view where, std::string_view expected,
                                 std::string_view found, std::string_view remedy);

// The remedies that fit most faults.
inline constexpr std::string_view kRemedyDamaged = "the file is damaged or incomplete: get it again";
inline constexpr std::string_view kRemedyFamily = "only tokenizers of the Llama 3 family are supported";

// The whole file as bytes. Throws ThrowLoadError's error if it cannot be read or is larger than any
// tokenizer.
std::string ReadTokenizerFile(const std::string& path);

}  // namespace puna::engine
