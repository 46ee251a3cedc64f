// How this room says that a file is not what it should be: one line with path, what it is about, expected, found and
// what to do.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace puna::engine {

struct CheckpointFault {
  std::string path{};
  std::string item{};  // a key, a tensor, a part of the file; may be empty
  std::string expected{};
  std::string found{};
  std::string remedy{};
};

// Throws std::runtime_error("PATH: ITEM: expected EXPECTED, found FOUND; REMEDY").
[[noreturn]] void Throw(const CheckpointFault& fault);

// The same about a weight (or scale, or minimum) that is NaN or infinite, in row `row` of a matrix or vector.
[[noreturn]] void ThrowNotFinite(const std::string& path, const std::string& tensor, int64_t row, const char* what,
                                 float found);

// Text from a file made fit for a message: control characters and bytes outside ASCII escaped, cut at 120 characters.
std::string Printable(std::string_view text);

std::string ShapeText(std::span<const int64_t> shape);  // "[128, 64]"

inline constexpr char kDownloadAgain[] = "the file is damaged or incomplete: download it again";

}  // namespace puna::engine
