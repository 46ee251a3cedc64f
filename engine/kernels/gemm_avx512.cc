// Panel products for AVX-512 with VNNI; bf16 is widened to float32 here (gemm_avx512bf16.cc has the native form).

#include <immintrin.h>

#include <algorithm>
#include <cstring>

#include "engine/kernels/gemm.h"
#include "engine/kernels/unroll.h"

namespace puna::engine {
namespace {

__m512i Broadcast4(const void* p) {
  int32_t quad;
  std::memcpy(&quad, p, 4);
  return _mm512_set1_epi32(quad);
}

template <int R>
[[gnu::always_inline]] inline void StoreTile(const __m512 (&acc)[R][4], float* y, int64_t ldy) {
  Unroll<R>(PUNA_UNROLLED(r) { Unroll<4>(PUNA_UNROLLED(c) { _mm512_storeu_ps(y + r * ldy + 16 * c, acc[r][c]); }); });
}

// --- bf16 through float32 FMA: the two halves of a k pair are two chains' steps, even k first.

template <int R>
void Bf16Tile(const bf16* a, int64_t lda, const bf16* panel, int64_t k, float* y, int64_t ldy) {
  __m512 acc[R][4] = {};
  const __m512i odd = _mm512_set1_epi32(static_cast<int32_t>(0xffff0000u));
  for (int64_t i = 0; i < k; i += 2, panel += 2 * kPanelCols) {
    Unroll<4>(PUNA_UNROLLED(c) {
      const __m512i w = _mm512_loadu_si512(panel + 32 * c);
      const __m512 even_w = _mm512_castsi512_ps(_mm512_slli_epi32(w, 16));
      const __m512 odd_w = _mm512_castsi512_ps(_mm512_and_si512(w, odd));
      Unroll<R>(PUNA_UNROLLED(r) {
        acc[r][c] = _mm512_fmadd_ps(_mm512_set1_ps(ToFloat(a[r * lda + i])), even_w, acc[r][c]);
        acc[r][c] = _mm512_fmadd_ps(_mm512_set1_ps(ToFloat(a[r * lda + i + 1])), odd_w, acc[r][c]);
      });
    });
  }
  StoreTile<R>(acc, y, ldy);
}

void Bf16Panel(const uint8_t* rows, int m, const bf16* panel, int64_t k, float* y, int64_t ldy) {
  const int64_t lda = k;
  const auto* a = reinterpret_cast<const bf16*>(rows);
  for (; m >= 4; m -= 4, a += 4 * lda, y += 4 * ldy) Bf16Tile<4>(a, lda, panel, k, y, ldy);
  switch (m) {
    case 3:
      return Bf16Tile<3>(a, lda, panel, k, y, ldy);
    case 2:
      return Bf16Tile<2>(a, lda, panel, k, y, ldy);
    case 1:
      return Bf16Tile<1>(a, lda, panel, k, y, ldy);
    default:
      return;
  }
}

// --- int8: unsigned activations against signed weights.

template <int R>
void Int8Tile(const uint8_t* a, int64_t lda, const int8_t* panel, int64_t k, int32_t* y, int64_t ldy) {
  __m512i acc[R][4] = {};
  for (int64_t i = 0; i < k; i += 4, panel += 4 * kPanelCols) {
    const __m512i w0 = _mm512_loadu_si512(panel);
    const __m512i w1 = _mm512_loadu_si512(panel + 64);
    const __m512i w2 = _mm512_loadu_si512(panel + 128);
    const __m512i w3 = _mm512_loadu_si512(panel + 192);
    Unroll<R>(PUNA_UNROLLED(r) {
      const __m512i x = Broadcast4(a + r * lda + i);
      acc[r][0] = _mm512_dpbusd_epi32(acc[r][0], x, w0);
      acc[r][1] = _mm512_dpbusd_epi32(acc[r][1], x, w1);
      acc[r][2] = _mm512_dpbusd_epi32(acc[r][2], x, w2);
      acc[r][3] = _mm512_dpbusd_epi32(acc[r][3], x, w3);
    });
  }
  Unroll<R>(
      PUNA_UNROLLED(r) { Unroll<4>(PUNA_UNROLLED(c) { _mm512_storeu_si512(y + r * ldy + 16 * c, acc[r][c]); }); });
}

void Int8Panel(const uint8_t* a, int m, const int8_t* panel, int64_t k, int32_t* y, int64_t ldy) {
  const int64_t lda = k;
  for (; m >= 6; m -= 6, a += 6 * lda, y += 6 * ldy) Int8Tile<6>(a, lda, panel, k, y, ldy);
  switch (m) {
    case 5:
      return Int8Tile<5>(a, lda, panel, k, y, ldy);
    case 4:
      return Int8Tile<4>(a, lda, panel, k, y, ldy);
    case 3:
      return Int8Tile<3>(a, lda, panel, k, y, ldy);
    case 2:
      return Int8Tile<2>(a, lda, panel, k, y, ldy);
    case 1:
      return Int8Tile<1>(a, lda, panel, k, y, ldy);
    default:
      return;
  }
}

// --- int4: the code + 8 is the unsigned operand; an accumulator that starts at -8 * (sum of the group's activations) takes the
// offset back at no cost.

// Packed memory wanted next: each tile of rows fetches its share of it, `lines` cache lines with each group, so that memory is
// busy all the time that the rows compute and not only during the first of them.
struct Ahead {
  const uint8_t* next = nullptr;
  int64_t lines = 0;

  void Fetch(int64_t group) const {
    for (int64_t i = 0; i < lines; ++i) {
      _mm_prefetch(reinterpret_cast<const char*>(next + (group * lines + i) * 64), _MM_HINT_T1);
    }
  }
};

// One group of R rows against 64 columns, exact. Nibbles are taken apart on the way. (Unpacking a panel once for all rows was
// slower: it costs the first-level cache more loads than it saves shifts.)
template <int R>
[[gnu::always_inline]] inline void GroupDots(const int8_t* a, int64_t lda, const int32_t* starts, int64_t ldstarts,
                                             const uint8_t* panel, __m512i (&dot)[R][4]) {
  const __m512i low = _mm512_set1_epi8(15);
  Unroll<R>(PUNA_UNROLLED(r) {
    const __m512i start = _mm512_set1_epi32(starts[r * ldstarts]);
    Unroll<4>(PUNA_UNROLLED(c) { dot[r][c] = start; });
  });
  for (int j = 0; j < 4; ++j) {
    Unroll<4>(PUNA_UNROLLED(c) {
      const __m512i packed = _mm512_loadu_si512(panel + j * 256 + c * 64);
      const __m512i first = _mm512_and_si512(packed, low);
      const __m512i second = _mm512_and_si512(_mm512_srli_epi32(packed, 4), low);
      Unroll<R>(PUNA_UNROLLED(r) {
        const int8_t* x = a + r * lda + 4 * j;
        dot[r][c] = _mm512_dpbusd_epi32(dot[r][c], first, Broadcast4(x));
        dot[r][c] = _mm512_dpbusd_epi32(dot[r][c], second, Broadcast4(x + 16));
      });
    });
  }
}

[[gnu::always_inline]] inline __m512 GroupScale(const uint8_t* panel, int c) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(panel + kInt4ScalesAt + 32 * c)));
}

// Adds `groups` groups of a panel to y: R rows of integer and of float sums stay in registers. Meanwhile it fetches what is
// wanted next.
template <int R>
void Int4Tile(const int8_t* a, int64_t lda, const int32_t* starts, int64_t ldstarts, const uint8_t* panel,
              int64_t groups, const Ahead& ahead, float* y, int64_t ldy) {
  __m512 acc[R][4];
  Unroll<R>(PUNA_UNROLLED(r) { Unroll<4>(PUNA_UNROLLED(c) { acc[r][c] = _mm512_loadu_ps(y + r * ldy + 16 * c); }); });
  for (int64_t g = 0; g < groups; ++g, panel += kInt4GroupBytes) {
    ahead.Fetch(g);
    __m512i dot[R][4];
    GroupDots<R>(a + g * kInt4Group, lda, starts + g, ldstarts, panel, dot);
    Unroll<4>(PUNA_UNROLLED(c) {
      const __m512 scale = GroupScale(panel, c);
      Unroll<R>(PUNA_UNROLLED(r) { acc[r][c] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot[r][c]), scale, acc[r][c]); });
    });
  }
  StoreTile<R>(acc, y, ldy);
}

// The same for four rows, whose float sums do not fit into registers beside the integer ones and stay in y: dearer than three
// rows, and cheaper than three and one.
void Int4TileOfFour(const int8_t* a, int64_t lda, const int32_t* starts, int64_t ldstarts, const uint8_t* panel,
                    int64_t groups, const Ahead& ahead, float* y, int64_t ldy) {
  for (int64_t g = 0; g < groups; ++g, panel += kInt4GroupBytes) {
    ahead.Fetch(g);
    __m512i dot[4][4];
    GroupDots<4>(a + g * kInt4Group, lda, starts + g, ldstarts, panel, dot);
    Unroll<4>(PUNA_UNROLLED(c) {
      const __m512 scale = GroupScale(panel, c);
      Unroll<4>(PUNA_UNROLLED(r) {
        float* sum = y + r * ldy + 16 * c;
        _mm512_storeu_ps(sum, _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot[r][c]), scale, _mm512_loadu_ps(sum)));
      });
    });
  }
}

constexpr int64_t kChunkGroups = 16;
constexpr int64_t kGroupLines = kInt4GroupBytes / 64;

// Tiles of three rows; what remains is a tile of its own, but a single row behind others makes the last tile one of four.
int64_t TilesOf(int m) { return m % 3 == 1 && m > 1 ? m / 3 : (m + 2) / 3; }

void Int4Rows(const int8_t* a, int64_t lda, const int32_t* starts, int64_t ldstarts, int m, const uint8_t* panel,
              int64_t groups, Ahead ahead, float* y, int64_t ldy) {
  for (; m >= 3 && m != 4; m -= 3, a += 3 * lda, starts += 3 * ldstarts, y += 3 * ldy) {
    Int4Tile<3>(a, lda, starts, ldstarts, panel, groups, ahead, y, ldy);
    ahead.next += groups * ahead.lines * 64;
  }
  switch (m) {
    case 4:
      return Int4TileOfFour(a, lda, starts, ldstarts, panel, groups, ahead, y, ldy);
    case 2:
      return Int4Tile<2>(a, lda, starts, ldstarts, panel, groups, ahead, y, ldy);
    case 1:
      return Int4Tile<1>(a, lda, starts, ldstarts, panel, groups, ahead, y, ldy);
    default:
      return;
  }
}

// A row: its codes, and behind them -8 times the sum of each group of them.
int64_t Int4RowBytes(int64_t k) { return k + k / kInt4Group * 4; }

void Int4Row(const int8_t* row, int, int64_t k, uint8_t* out) {
  std::memcpy(out, row, k);
  for (int64_t g = 0; g < k / kInt4Group; ++g) {
    int32_t sum = 0;
    for (int i = 0; i < kInt4Group; ++i) sum += row[g * kInt4Group + i];
    sum *= -8;
    std::memcpy(out + k + 4 * g, &sum, 4);
  }
}

// Up to three rows take the panel in one go. More rows share it chunk by chunk.
void Int4Panel(const uint8_t* rows, int m, const uint8_t* panel, int64_t k, float* y, int64_t ldy) {
  const int64_t lda = Int4RowBytes(k), ldstarts = lda / 4;
  const auto* a = reinterpret_cast<const int8_t*>(rows);
  const auto* starts = reinterpret_cast<const int32_t*>(rows + k);
  for (int r = 0; r < m; ++r) std::fill(y + r * ldy, y + r * ldy + kPanelCols, 0.0f);
  const int64_t groups = k / kInt4Group;
  if (m <= 3) return Int4Rows(a, lda, starts, ldstarts, m, panel, groups, {}, y, ldy);
  const int64_t tiles = TilesOf(m);
  const int64_t lines = (kGroupLines + tiles - 1) / tiles;
  for (int64_t g = 0; g < groups; g += kChunkGroups) {
    const int64_t count = std::min(kChunkGroups, groups - g);
    const uint8_t* chunk = panel + g * kInt4GroupBytes;
    // Two chunks ahead: where memory is busy, the time of one is too short for what it fetches to arrive.
    Int4Rows(a + g * kInt4Group, lda, starts + g, ldstarts, m, chunk, count,
             {chunk + 2 * count * kInt4GroupBytes, lines}, y, ldy);
  }
}

constexpr GemmKernels kKernels = {
    .bf16_panel = {1, PlainRowBytes<bf16>, CopyRows<bf16>, Bf16Panel},
    .int8_panel = {1, PlainRowBytes<uint8_t>, CopyRows<uint8_t>, Int8Panel},
    .int4_panel = {1, Int4RowBytes, Int4Row, Int4Panel},
};

}  // namespace

const GemmKernels& Avx512GemmKernels() { return kKernels; }

}  // namespace puna::engine
