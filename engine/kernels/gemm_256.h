// What the panel products of 256-bit registers share: one structure for every form of weights.
//
// A form is a struct that says how one unit of k (a group, a quad, a pair) is multiplied. One row sweeps over all 64 columns, so
// that the panel is read in order. Few rows take the weights apart as they come, in strips of a chunk of units that the
// first-level cache holds. More rows share a chunk that was unpacked into that cache once. In every case the memory that is
// wanted next is fetched meanwhile, spread over the tiles, so that it is busy all the time.
//
// Everything has internal linkage: each instruction set keeps its own copy.
#pragma once

#include <immintrin.h>

#include <algorithm>
#include <cstdint>

#include "engine/kernels/gemm.h"
#include "engine/kernels/unroll.h"

namespace puna::engine {
namespace {

inline __m256i LoadBytes(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
inline void StoreBytes(void* p, __m256i v) { _mm256_storeu_si256(static_cast<__m256i*>(p), v); }

// Four bytes, in all eight lanes.
inline __m256i Broadcast4(const void* p) {
  return _mm256_castps_si256(_mm256_broadcast_ss(static_cast<const float*>(p)));
}

// Keeps g++ from taking a chain of additions apart. The intrinsics are plain additions to it, which it may regroup (integers) or
// sink below all products of a tile; sums then live in memory.
template <typename V>
[[gnu::always_inline]] inline void Pin(V& sum) {
  asm("" : "+x"(sum));
}

// Fetches packed memory into the second level: the hardware's prefetcher alone stops at each page, and stumbles where a panel's
// strips are read by turns.
[[gnu::always_inline]] inline void Fetch(const void* p, int64_t lines) {
  const auto* line = static_cast<const char*>(p);
  for (int64_t i = 0; i < lines; ++i) _mm_prefetch(line + 64 * i, _MM_HINT_T1);
}

// What the tiles of a chunk fetch meanwhile, each call `lines` cache lines, until it is there.
struct Ahead {
  const uint8_t* next;
  const uint8_t* end;
  int64_t lines = 0;

  [[gnu::always_inline]] void FetchSome() {
    if (next >= end) return;
    Fetch(next, lines);
    next += 64 * lines;
  }
};

inline constexpr int kTileRows256 = 3;
inline constexpr int kPanelRegisters = kPanelCols / 8;

// Calls fn with the number of rows as a constant.
template <typename Fn>
[[gnu::always_inline]] inline void WithRows(int rows, const Fn& fn) {
  switch (rows) {
    case 3:
      return fn(std::integral_constant<int, 3>{});
    case 2:
      return fn(std::integral_constant<int, 2>{});
    default:
      return fn(std::integral_constant<int, 1>{});
  }
}

// What a form is:
//   kUnit        k of one unit
//   kUnitBytes   of a panel; kRowUnitBytes: of a row in its order, a tile being [units][rows][..]
//   kChunk       units of a chunk
//   kRegisters<R>   of columns that a tile of R rows does at a time with weights as they come: a strip
//   Strip<R>(x, panel, n, units, ahead, y, ldy)   y [R, 8 kRegisters<R>] += a chunk from column n on; fetches with each unit
// and, where unpacking pays,
//   Unpacked     a chunk's weights, unpacked; Unpack(panel, units, unpacked) fills it
//   kUnpackedRegisters   of columns that a tile does at a time with these
//   UnpackedTile<R>(x, unpacked, units, ahead, y, ldy)   y [R, 64] += a chunk; fetches with each of those strips

// Calls chunk(weights, units, first unit, what to fetch meanwhile) for each chunk of a panel.
template <typename Form, typename Fn>
void ForChunks(const uint8_t* panel, int64_t k, const Fn& chunk) {
  const int64_t units = k / Form::kUnit;
  for (int64_t u = 0; u < units; u += Form::kChunk) {
    const int64_t count = std::min(Form::kChunk, units - u);
    const uint8_t* weights = panel + u * Form::kUnitBytes;
    chunk(weights, count, u, Ahead{weights + count * Form::kUnitBytes, weights + 2 * count * Form::kUnitBytes});
  }
}

// Calls tile(rows of it, x from unit u on, y) for each tile of m rows.
template <typename Form, typename Y, typename Fn>
void ForTiles(const uint8_t* rows, int m, int64_t k, int64_t u, Y* y, int64_t ldy, const Fn& tile) {
  for (int r = 0; r < m; r += kTileRows256) {
    WithRows(std::min(kTileRows256, m - r), [&](auto tile_rows) {
      tile(tile_rows, rows + (r * (k / Form::kUnit) + u * tile_rows) * Form::kRowUnitBytes, y + r * ldy);
    });
  }
}

template <typename Y>
void ClearRows(int m, Y* y, int64_t ldy) {
  for (int r = 0; r < m; ++r) std::fill(y + r * ldy, y + r * ldy + kPanelCols, Y{0});
}

// The lines of `bytes` shared out over all strips of m rows' tiles.
inline int64_t LinesOfStrip(int64_t bytes, int m, int registers) {
  const int64_t strips = int64_t{(m + kTileRows256 - 1) / kTileRows256} * (kPanelRegisters / registers);
  return (bytes / 64 + strips - 1) / strips;
}

// y [m, 64] = rows * panel with weights as they come.
template <typename Form, typename Y>
void MultiplyDirect(const uint8_t* rows, int m, const uint8_t* panel, int64_t k, Y* y, int64_t ldy) {
  ClearRows(m, y, ldy);
  ForChunks<Form>(panel, k, [&](const uint8_t* weights, int64_t units, int64_t u, Ahead ahead) {
    ForTiles<Form>(rows, m, k, u, y, ldy, [&](auto tile_rows, const uint8_t* x, Y* out) {
      constexpr int kRegisters = Form::template kRegisters<tile_rows>;
      ahead.lines = LinesOfStrip(Form::kUnitBytes, m, kRegisters);
      for (int n = 0; n < kPanelCols; n += 8 * kRegisters) {
        Form::template Strip<tile_rows>(x, weights, n, units, ahead, out + n, ldy);
      }
    });
  });
}

// The same with each chunk's weights unpacked once.
template <typename Form, typename Y>
void MultiplyUnpacked(const uint8_t* rows, int m, const uint8_t* panel, int64_t k, Y* y, int64_t ldy) {
  ClearRows(m, y, ldy);
  typename Form::Unpacked unpacked;
  ForChunks<Form>(panel, k, [&](const uint8_t* weights, int64_t units, int64_t u, Ahead ahead) {
    Form::Unpack(weights, units, unpacked);
    ahead.lines = LinesOfStrip(units * Form::kUnitBytes, m, Form::kUnpackedRegisters);
    ForTiles<Form>(rows, m, k, u, y, ldy, [&](auto tile_rows, const uint8_t* x, Y* out) {
      Form::template UnpackedTile<tile_rows>(x, unpacked, units, ahead, out, ldy);
    });
  });
}

}  // namespace
}  // namespace puna::engine
