// Products with a GroupForm's panels for AVX2 and FMA. Codes of 4 to 6 bits are multiplied as bytes by vpmaddubsw, whose sums of
// 16 bits hold so many products in a row; codes of 8 bits as int16 by vpmaddwd.

#include <immintrin.h>

#include <algorithm>
#include <cstring>

#include "engine/kernels/gemm.h"
#include "engine/kernels/group_gemm.h"
#include "engine/kernels/unroll.h"

#define PUNA_VECTOR 32
#define PUNA_WIDE 1

namespace puna::engine {
namespace {

#include "engine/kernels/group_avx2.inc"
#include "engine/kernels/group_expand.inc"

constexpr int kTileColumns = 16;  // two registers
constexpr int kQuadStride = kQuadBytes;

// g++ takes chains of additions apart and keeps every product of a group alive: this holds them together.
[[gnu::always_inline]] inline void Pin(__m256i& sum) { asm("" : "+x"(sum)); }

// Rows of activations as codes of 8 bits want them.
template <int R>
struct WideInput {
  alignas(32) int16_t quads[kChunkColumns / 4][R][4];
};

// Codes of at most 6 bits. kRun quads of products fit a sum of 16 bits: 2 * 128 times 15 * 8, 31 * 4 or 63 * 2 stays below 32768.
template <int R, int kRun>
[[gnu::always_inline]] inline void ByteDots(const uint8_t* codes, const int8_t* x, int64_t stride,
                                            __m256i (&dot)[R][2]) {
  const __m256i ones = _mm256_set1_epi16(1);
  __m256i pairs[R][2] = {};
  Unroll<kRun>(PUNA_UNROLLED(q) {
    const auto first = LoadAs<__m256i>(codes + q * kQuadStride);
    const auto second = LoadAs<__m256i>(codes + q * kQuadStride + 32);
    Unroll<R>(PUNA_UNROLLED(r) {
      int32_t quad;
      std::memcpy(&quad, x + r * stride + 4 * q, 4);
      const __m256i broadcast = _mm256_set1_epi32(quad);
      pairs[r][0] = _mm256_add_epi16(pairs[r][0], _mm256_maddubs_epi16(first, broadcast));
      Pin(pairs[r][0]);
      pairs[r][1] = _mm256_add_epi16(pairs[r][1], _mm256_maddubs_epi16(second, broadcast));
      Pin(pairs[r][1]);
    });
  });
  Unroll<R>(PUNA_UNROLLED(r) {
    Unroll<2>(PUNA_UNROLLED(c) { dot[r][c] = _mm256_add_epi32(dot[r][c], _mm256_madd_epi16(pairs[r][c], ones)); });
  });
}

// Codes as int16: a register holds four outputs' quads, so a dot is two halves that are added at the end.
template <int R>
[[gnu::always_inline]] inline void WideDots(const Chunk& chunk, int column, int n, const WideInput<R>& wide,
                                            __m256i (&dot)[R][2]) {
  __m256i part[R][4] = {};
  for (int done = 0; done < chunk.group; done += 4, column += 4) {
    const uint8_t* codes = chunk.codes + column / 4 * 2 * kQuadBytes + 8 * n;
    Unroll<R>(PUNA_UNROLLED(r) {
      int64_t quad;
      std::memcpy(&quad, wide.quads[column / 4][r], 8);
      const __m256i x = _mm256_set1_epi64x(quad);
      Unroll<4>(PUNA_UNROLLED(c) {
        part[r][c] = _mm256_add_epi32(part[r][c], _mm256_madd_epi16(LoadAs<__m256i>(codes + 32 * c), x));
      });
    });
  }
  Unroll<R>(PUNA_UNROLLED(r) {
    Unroll<2>(PUNA_UNROLLED(c) {
      const __m256i sum = _mm256_hadd_epi32(part[r][2 * c], part[r][2 * c + 1]);
      dot[r][c] = _mm256_add_epi32(dot[r][c], _mm256_permute4x64_epi64(sum, 0xd8));
    });
  });
}

// kRun: quads of a run, 0: codes are int16.
template <int R, int kRun>
[[gnu::always_inline]] inline void GroupDots(const Chunk& chunk, int column, int n, const int8_t* x, int64_t stride,
                                             const WideInput<R>& wide, __m256i (&dot)[R][2]) {
  if constexpr (kRun == 0) {
    WideDots<R>(chunk, column, n, wide, dot);
  } else {
    for (int done = 0; done < chunk.group; done += 4 * kRun, column += 4 * kRun) {
      const uint8_t* codes = chunk.codes + column / 4 * kQuadBytes + 4 * n;
      ByteDots<R, kRun>(codes, x + column, stride, dot);
    }
  }
}

template <int R>
void Widen(const Chunk& chunk, const int8_t* codes, int64_t stride, WideInput<R>& wide) {
  for (int r = 0; r < R; ++r) {
    for (int i = 0; i < chunk.groups * chunk.group; ++i) wide.quads[i / 4][r][i % 4] = codes[r * stride + i];
  }
}

template <int R, int kRun, bool kMinimum>
void Tile(const Chunk& chunk, const GroupInput& x, int64_t at, int row, float* y, int64_t ldy) {
  const int8_t* codes = x.codes + row * x.stride + at;
  GroupSums sums;
  FillSums(chunk, x, at, row, R, sums);
  WideInput<R> wide;
  if constexpr (kRun == 0) Widen<R>(chunk, codes, x.stride, wide);
  for (int n = 0; n < kPanelCols; n += kTileColumns) {
    for (int g = 0; g < chunk.groups; ++g) {
      __m256i dot[R][2];
      Unroll<R>(PUNA_UNROLLED(r) {
        const __m256i start = SplatInt(kMinimum ? 0 : -chunk.offset * sums[g][r]);
        Unroll<2>(PUNA_UNROLLED(c) { dot[r][c] = start; });
      });
      GroupDots<R, kRun>(chunk, g * chunk.group, n, codes, x.stride, wide, dot);
      Unroll<2>(PUNA_UNROLLED(c) {
        const int64_t at_scale = g * kPanelCols + n + c * kLanes;
        const auto scale = LoadAs<__m256>(chunk.scales + at_scale);
        Unroll<R>(PUNA_UNROLLED(r) {
          float* out = y + r * ldy + n + c * kLanes;
          __m256 total = MulAdd(ToFloats(dot[r][c]), scale, LoadAs<__m256>(out));
          if constexpr (kMinimum) {
            total =
                MulAdd(SplatFloat(static_cast<float>(sums[g][r])), LoadAs<__m256>(chunk.minimums + at_scale), total);
          }
          StoreAs(out, total);
        });
      });
    }
  }
}

template <int kRun>
void Rows(const Chunk& chunk, const GroupInput& x, int64_t at, float* y, int64_t ldy) {
  constexpr int kRows = kRun == 0 ? 2 : 3;
  const bool minimum = chunk.minimums != nullptr;
  int row = 0;
  for (; x.rows - row >= kRows; row += kRows) {
    minimum ? Tile<kRows, kRun, true>(chunk, x, at, row, y + row * ldy, ldy)
            : Tile<kRows, kRun, false>(chunk, x, at, row, y + row * ldy, ldy);
  }
  for (; row < x.rows; ++row) {
    minimum ? Tile<1, kRun, true>(chunk, x, at, row, y + row * ldy, ldy)
            : Tile<1, kRun, false>(chunk, x, at, row, y + row * ldy, ldy);
  }
}

void GroupPanel(const GroupForm& form, const uint8_t* rows, int m, const uint8_t* panel, int64_t k, float* y,
                int64_t ldy) {
  const GroupInput x = SummedRows(rows, m, k);
  ChunkScratch scratch;
  const UnitParts parts = PartsOf(form);
  const int step = ChunkColumns(form);
  for (int r = 0; r < x.rows; ++r) std::fill(y + r * ldy, y + r * ldy + kPanelCols, 0.0f);
  for (int64_t at = 0; at < k; at += step) {
    const auto columns = static_cast<int>(std::min<int64_t>(step, k - at));
    const Chunk chunk = Expand(form, parts, panel, at, columns, scratch);
    switch (form.code) {
      case GroupForm::Code::kInt4:
        form.group == 16 ? Rows<4>(chunk, x, at, y, ldy) : Rows<8>(chunk, x, at, y, ldy);
        break;
      case GroupForm::Code::kInt5:
        Rows<4>(chunk, x, at, y, ldy);
        break;
      case GroupForm::Code::kInt6:
        Rows<2>(chunk, x, at, y, ldy);
        break;
      default:
        Rows<0>(chunk, x, at, y, ldy);
        break;
    }
  }
}

}  // namespace

const GroupProduct& Avx2GroupProduct() {
  static constexpr GroupProduct kProduct = {1, SummedRowBytes, SummedRow, GroupPanel};
  return kProduct;
}

}  // namespace puna::engine
