// GroupForm: how a matrix of small integer codes, with scales for groups of columns, is held and multiplied. Every
// integer format that people's files have is one of these, so that a matrix runs at its file's size and with its file's
// own codes:
//   weight = scale * (code - offset), scale * code + minimum, or scale * (code - zero), scale, minimum and zero of the
//   group.
// With activations a = a_t * x, x int8: y = a_t * sum over groups of scale * (sum of code * x) + minimum * (sum of x).
// Both sums are exact integers, the second is made once per row and shared by all outputs. Codes that stand for floats are
// multiplied as floats.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace puna::engine {

struct GroupForm {
  enum class Code : uint8_t {
    kInt4,
    kInt5,
    kInt6,
    kInt8,  // 0 .. 2^bits - 1
    kIq4,   // 4 bits, an index into kIq4Table
    kNf4,   // 4 bits, an index into kNf4Table
    kE4M3,  // 8 bits, a float8_e4m3fn, never its NaN
  };
  enum class Scale : uint8_t {
    kHalf,      // a float16 per group
    kFloat,     // a float32 per group
    kTwoLevel,  // a float16 per 256 columns times an int8 per group of 16 or 32 (K-quants)
  };
  enum class Base : uint8_t {
    kOffset,   // half of the codes' range is taken away: 8, 16, 32, 128
    kMinimum,  // a minimum per group, stored as the scales are (two levels: its own float16 and int8)
    kZero,     // a zero point per group, a byte
  };
  Code code = Code::kInt4;
  int group =
      32;  // columns that share a scale; in files any number, for the kernels 16 (two levels only), 32, 64 or 128
  Scale scale = Scale::kHalf;
  Base base = Base::kOffset;

  bool operator==(const GroupForm&) const = default;
};

// The values of IQ4_NL's and IQ4_XS's codes.
inline constexpr int8_t kIq4Table[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

// bitsandbytes' "normal float" of four bits.
inline constexpr float kNf4Table[16] = {-1.0f,
                                        -0.6961928009986877f,
                                        -0.5250730514526367f,
                                        -0.39491748809814453f,
                                        -0.28444138169288635f,
                                        -0.18477343022823334f,
                                        -0.09105003625154495f,
                                        0.0f,
                                        0.07958029955625534f,
                                        0.16093020141124725f,
                                        0.24611230194568634f,
                                        0.33791524171829224f,
                                        0.44070982933044434f,
                                        0.5626170039176941f,
                                        0.7229568362236023f,
                                        1.0f};

// Where a source puts rows of a matrix in a GroupForm, one row behind the other.
struct GroupRows {
  uint8_t* codes = nullptr;        // [rows, cols], a byte each
  float* scales = nullptr;         // [rows, cols / group]; two levels: [rows, cols / 256]
  float* minimums = nullptr;       // kMinimum: as scales (K-quants: -dmin)
  int8_t* sub_scales = nullptr;    // two levels: [rows, cols / group]
  int8_t* sub_minimums = nullptr;  // two levels and kMinimum: [rows, cols / group]
  uint8_t* zeros = nullptr;        // kZero: [rows, cols / group]
};

// One that the kernels have.
bool IsValid(const GroupForm& form);

// "int4/32", "int6/16 k", "int4/32 k min": code and group; k: two levels, f32: float32 scales; min or zero. And back.
std::string Name(const GroupForm& form);
std::optional<GroupForm> GroupFormOf(std::string_view name);

bool IsFloat(GroupForm::Code code);    // stands for a float: kNf4, kE4M3. Their base is kOffset, without an offset
int CodeBits(GroupForm::Code code);    // as stored
int CodeOffset(GroupForm::Code code);  // what kOffset takes away; of kIq4: from the table's values + 128
int CodeBytes(GroupForm::Code code);   // of 32 columns of one output

// A panel of 64 outputs is unit after unit: 256 columns with two levels, else a cell's. What belongs together lies
// together, so that memory is read in order:
//   two levels: [64] float16 scales, and with minimums [64] float16 minimums
//   cell after cell, each of max(group, 32) columns:
//     for every 32 columns, codes: [4 j][64 n][4 i] bytes, low nibble column 4 j + i, high nibble column 16 + 4 j + i;
//       int5: and [64 n][4 i] bytes, bit q is bit 4 of column 4 q + i;
//       int6: and [2 h][64 n][4 i] bytes, bits 2 q and 2 q + 1 are bits 4 and 5 of column 16 h + 4 q + i;
//       int8, e4m3: instead [8 j][64 n][4 i] bytes, column 4 j + i
//     [groups][64] scales: float16, float32 or with two levels int8
//     [groups][64] minimums in the same form, or zero points, a byte each
int UnitColumns(const GroupForm& form);
int CellColumns(const GroupForm& form);

// Sizes and places in bytes.
struct UnitParts {
  int64_t cells = 0;     // where in the unit the first cell begins
  int64_t cell = 0;      // size of a cell
  int64_t block = 0;     // size of the codes of 32 columns
  int64_t scales = 0;    // where in a cell: scales
  int64_t minimums = 0;  // and minimums or zero points
  int64_t bytes = 0;     // size of the unit
};
UnitParts PartsOf(const GroupForm& form);

// Where a unit of two levels has its float16 minimums; its scales stand at 0.
inline constexpr int64_t kUnitMinimums = 128;

}  // namespace puna::engine
