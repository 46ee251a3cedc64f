// Panel products where the processor multiplies matrices of bytes: two rows of eight k by two columns of eight k at a time. Both
// orders come from the panel by one interleaving of two quads.

#include "engine/kernels/gemm_neon.h"

namespace puna::engine {
namespace {

constexpr int kStep = 8;  // k of one product
constexpr int PairsOf(int rows) { return (rows + 1) / 2; }
constexpr unsigned kSums = 16;  // registers

// Two columns each, eight k.
struct Columns {
  int8x16_t low, high;
};
PUNA_INLINE Columns Interleave(int8x16_t quad, int8x16_t next) {
  const int32x4_t a = vreinterpretq_s32_s8(quad), b = vreinterpretq_s32_s8(next);
  return {vreinterpretq_s8_s32(vzip1q_s32(a, b)), vreinterpretq_s8_s32(vzip2q_s32(a, b))};
}

// Rows 2 pair and 2 pair + 1 of [R][8]; a last one without partner stands for both.
template <int R>
PUNA_INLINE int8x16_t LoadPair(const uint8_t* x, int pair) {
  const auto* first = reinterpret_cast<const int8_t*>(x) + 2 * kStep * pair;
  if (2 * pair + 1 < R) return vld1q_s8(first);
  return vcombine_s8(vld1_s8(first), vld1_s8(first));
}

// Products of two rows and four columns.
struct Sums {
  int32x4_t low, high;  // [2 rows][2 columns] each

  int32x4_t Row(int r) const {
    const int64x2_t a = vreinterpretq_s64_s32(low), b = vreinterpretq_s64_s32(high);
    return vreinterpretq_s32_s64(r % 2 == 0 ? vtrn1q_s64(a, b) : vtrn2q_s64(a, b));
  }
};

struct Nibbles {  // straight from the panel
  const uint8_t* group;
  int first;  // column

  // Codes of k 16 half + 8 step .., of a register's four columns.
  void Codes(int step, int c, Columns (&halves)[2]) const {
    const uint8_t* at = group + 2 * step * 256 + 4 * first + 16 * c;
    const Columns both = Interleave(LoadBytes(at), LoadBytes(at + 256));
    halves[0] = {vandq_s8(both.low, vdupq_n_s8(15)), vandq_s8(both.high, vdupq_n_s8(15))};
    halves[1] = {High(both.low), High(both.high)};
  }
  static int8x16_t High(int8x16_t codes) { return vreinterpretq_s8_u8(vshrq_n_u8(vreinterpretq_u8_s8(codes), 4)); }
  float32x4_t Scale(int c) const { return LoadHalves(group + kInt4ScalesAt + 2 * first + 8 * c); }
};

struct UnpackedGroup {                       // four registers
  alignas(64) int8_t codes[2][4][2][2][16];  // [step][register][half][columns]
  float scales[4][4];

  void Codes(int step, int c, Columns (&halves)[2]) const {
    Unroll<2>(PUNA_UNROLLED(h) { halves[h] = {LoadBytes(codes[step][c][h][0]), LoadBytes(codes[step][c][h][1])}; });
  }
  float32x4_t Scale(int c) const { return vld1q_f32(scales[c]); }
};

// y [R, 4 C] += one group. x: [4 steps of 8 k][R] codes, [R] starts.
template <int R, int C, typename Weights>
PUNA_INLINE void AddGroup(const uint8_t* x, const Weights& weights, float* y, int64_t ldy) {
  Sums sums[PairsOf(R)][C] = {};
  Unroll<2>(PUNA_UNROLLED(step) {
    Unroll<C>(PUNA_UNROLLED(c) {
      Columns halves[2];
      weights.Codes(step, c, halves);
      Unroll<2>(PUNA_UNROLLED(half) {
        Unroll<PairsOf(R)>(PUNA_UNROLLED(p) {
          const int8x16_t rows = LoadPair<R>(x + (2 * half + step) * R * kStep, p);
          sums[p][c].low = vmmlaq_s32(sums[p][c].low, rows, halves[half].low);
          sums[p][c].high = vmmlaq_s32(sums[p][c].high, rows, halves[half].high);
        });
      });
    });
  });
  const auto* starts = reinterpret_cast<const int32_t*>(x + kInt4Group * R);
  Unroll<C>(PUNA_UNROLLED(c) {
    const float32x4_t scale = weights.Scale(c);
    Unroll<R>(PUNA_UNROLLED(r) {
      const int32x4_t total = vaddq_s32(sums[r / 2][c].Row(r), vld1q_dup_s32(starts + r));
      AddScaled(total, scale, y + r * ldy + 4 * c);
    });
  });
}

struct Int4Form {
  static constexpr int64_t kUnit = kInt4Group;
  static constexpr int64_t kUnitBytes = kInt4GroupBytes;
  static constexpr int64_t kRowUnitBytes = kInt4Group + 4;
  static constexpr int64_t kChunk = 8;
  static constexpr int kMaxDirect = 8;  // rows beyond which unpacking pays
  static constexpr int kUnpackedRegisters = 4;
  using Unpacked = UnpackedGroup[kPanelRegisters / 4][kChunk];

  [[gnu::noinline]] static void Unpack(const uint8_t* panel, int64_t groups, Unpacked& out) {
    for (int64_t g = 0; g < groups; ++g, panel += kUnitBytes) {
      for (int strip = 0; strip < kPanelRegisters / 4; ++strip) {
        const Nibbles from{panel, 4 * kRegisterCols * strip};
        UnpackedGroup& to = out[strip][g];
        Unroll<4>(PUNA_UNROLLED(c) {
          Unroll<2>(PUNA_UNROLLED(step) {
            Columns halves[2];
            from.Codes(step, c, halves);
            Unroll<2>(PUNA_UNROLLED(h) {
              vst1q_s8(to.codes[step][c][h][0], halves[h].low);
              vst1q_s8(to.codes[step][c][h][1], halves[h].high);
            });
          });
          vst1q_f32(to.scales[c], from.Scale(c));
        });
      }
    }
  }

  template <int R>
  static constexpr int kRegisters = std::bit_floor(kSums / (2 * PairsOf(R)));

  template <int R>
  [[gnu::noinline]] static void Strip(const uint8_t* x, const uint8_t* panel, int n, int64_t groups, Ahead& ahead,
                                      float* y, int64_t ldy) {
    for (int64_t g = 0; g < groups; ++g) {
      ahead.FetchSome();
      AddGroup<R, kRegisters<R>>(x + g * R * kRowUnitBytes, Nibbles{panel + g * kUnitBytes, n}, y, ldy);
    }
  }

  template <int R>
  [[gnu::noinline]] static void UnpackedTile(const uint8_t* x, const Unpacked& unpacked, int64_t groups, Ahead& ahead,
                                             float* y, int64_t ldy) {
    for (const auto& strip : unpacked) {
      ahead.FetchSome();
      for (int64_t g = 0; g < groups; ++g) AddGroup<R, 4>(x + g * R * kRowUnitBytes, strip[g], y, ldy);
      y += 4 * kRegisterCols;
    }
  }
};

int64_t Int4RowBytes(int64_t k) { return k / kInt4Group * Int4Form::kRowUnitBytes; }

void ArrangeInt4(const int8_t* rows, int m, int64_t k, uint8_t* tile) {
  for (int64_t g = 0; g < k; g += kInt4Group, tile += m * Int4Form::kRowUnitBytes) {
    for (int r = 0; r < m; ++r) {
      const int8_t* x = rows + r * k + g;
      for (int step = 0; step < kInt4Group / kStep; ++step) {
        std::memcpy(tile + (step * m + r) * kStep, x + step * kStep, kStep);
      }
      const int32_t start = -8 * SumOfGroup(x);
      std::memcpy(tile + kInt4Group * m + 4 * r, &start, 4);
    }
  }
}

void Int4Panel(const uint8_t* rows, int m, const uint8_t* panel, int64_t k, float* y, int64_t ldy) {
  if (m <= Int4Form::kMaxDirect) return MultiplyDirect<Int4Form>(rows, m, panel, k, y, ldy);
  MultiplyUnpacked<Int4Form>(rows, m, panel, k, y, ldy);
}

struct Int8Form {
  static constexpr int64_t kUnit = kStep;
  static constexpr int64_t kUnitBytes = kStep * kPanelCols;
  static constexpr int64_t kRowUnitBytes = kStep;
  static constexpr int64_t kChunk = 16;
  template <int R>
  static constexpr int kRegisters = std::bit_floor(kSums / (2 * PairsOf(R)));

  // x: [R][8 k] unsigned.
  template <int R>
  [[gnu::noinline]] static void Strip(const uint8_t* x, const uint8_t* panel, int n, int64_t steps, Ahead& ahead,
                                      int32_t* y, int64_t ldy) {
    constexpr int C = kRegisters<R>;
    Sums sums[PairsOf(R)][C] = {};
    for (int64_t s = 0; s < steps; ++s) {
      ahead.FetchSome();
      const uint8_t* weights = panel + s * kUnitBytes + 4 * n;
      Unroll<C>(PUNA_UNROLLED(c) {
        const Columns w = Interleave(LoadBytes(weights + 16 * c), LoadBytes(weights + 4 * kPanelCols + 16 * c));
        Unroll<PairsOf(R)>(PUNA_UNROLLED(p) {
          const uint8x16_t rows = vreinterpretq_u8_s8(LoadPair<R>(x + s * R * kStep, p));
          sums[p][c].low = vusmmlaq_s32(sums[p][c].low, rows, w.low);
          sums[p][c].high = vusmmlaq_s32(sums[p][c].high, rows, w.high);
        });
      });
    }
    Unroll<R>(PUNA_UNROLLED(r) {
      Unroll<C>(PUNA_UNROLLED(c) {
        int32_t* at = y + r * ldy + 4 * c;
        vst1q_s32(at, vaddq_s32(vld1q_s32(at), sums[r / 2][c].Row(r)));
      });
    });
  }
};

// [step][row] eight codes.
void ArrangeInt8(const uint8_t* rows, int m, int64_t k, uint8_t* tile) {
  for (int64_t i = 0; i < k; i += kStep) {
    for (int r = 0; r < m; ++r, tile += kStep) std::memcpy(tile, rows + r * k + i, kStep);
  }
}

void Int8Panel(const uint8_t* rows, int m, const int8_t* panel, int64_t k, int32_t* y, int64_t ldy) {
  MultiplyDirect<Int8Form>(rows, m, reinterpret_cast<const uint8_t*>(panel), k, y, ldy);
}

constexpr GemmKernels kKernels = {
    .bf16_panel = {kTileRows, Bf16RowBytes, ArrangeBf16, Bf16Panel},
    .int8_panel = {kTileRows, PlainRowBytes<uint8_t>, ArrangeInt8, Int8Panel},
    .int4_panel = {kTileRows, Int4RowBytes, ArrangeInt4, Int4Panel},
};

}  // namespace

const GemmKernels& I8mmGemmKernels() { return kKernels; }

}  // namespace puna::engine
