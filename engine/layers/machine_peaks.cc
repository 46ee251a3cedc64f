#include "engine/layers/machine_peaks.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <vector>

#include "engine/base/aligned_buffer.h"
#include "engine/kernels/gemm.h"
#include "engine/layers/matmul_peak.h"
#include "engine/layers/packed_weight.h"

namespace puna::engine {
namespace {

double Seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// One thread's share of the buffer, in eight chains so that the loads and not the additions are the limit.
uint64_t Sum(const uint64_t* p, int64_t n) {
  uint64_t sums[8] = {};
  for (int64_t i = 0; i < n; i += 8) {
    for (int j = 0; j < 8; ++j) sums[j] += p[i + j];
  }
  return sums[0] + sums[1] + sums[2] + sums[3] + sums[4] + sums[5] + sums[6] + sums[7];
}

constexpr int64_t kWords = int64_t{1} << 27;  // 1 GiB
constexpr int64_t kPiece = int64_t{1} << 18;  // 2 MiB a task
constexpr int kRounds = 3;
constexpr int64_t kDepth = 3072;  // of a panel

template <typename A, typename W, typename Y>
double PanelRate(const PanelProduct<A, W, Y>& product, int64_t panel_bytes, ThreadTeam& team) {
  constexpr int kRows = 96;

  constexpr int kRepeat = 50;
  const std::vector<A> zeros(kRows * kDepth);
  const std::vector<uint8_t> rows = Arranged(product, zeros.data(), kRows, kDepth);
  std::vector<AlignedBuffer<uint8_t>> panels;
  std::vector<AlignedBuffer<Y>> results;
  for (int thread = 0; thread < team.size(); ++thread) {
    panels.emplace_back(panel_bytes);
    results.emplace_back(kRows * kPanelCols);
  }
  double best = 0;
  for (int round = 0; round < kRounds; ++round) {
    const double start = Seconds();
    team.ForEach(team.size(), [&](int64_t task, int) {
      for (int i = 0; i < kRepeat; ++i) {
        product.multiply(rows.data(), kRows, reinterpret_cast<const W*>(panels[task].data()), kDepth,
                         results[task].data(), kPanelCols);
      }
    });
    const double operations = 2.0 * kRows * kDepth * kPanelCols * kRepeat * team.size();
    best = std::max(best, operations / (Seconds() - start));
  }
  return best;
}

}  // namespace

double ReadRate(std::span<const std::span<const uint8_t>> pieces, ThreadTeam& team) {
  constexpr size_t kRun = kPiece * sizeof(uint64_t);
  std::vector<const uint64_t*> runs;
  for (const auto& piece : pieces) {
    for (size_t at = 0; at + kRun <= piece.size(); at += kRun) {
      runs.push_back(reinterpret_cast<const uint64_t*>(piece.data() + at));
    }
  }
  std::atomic<uint64_t> sink{0};
  const double start = Seconds();
  team.ForEach(std::ssize(runs), [&](int64_t i, int) { sink += Sum(runs[i], kPiece); });
  return sink.load() != 0 ? static_cast<double>(runs.size() * kRun) / (Seconds() - start) : 0;
}

MachineMeter::MachineMeter(int threads) : team_(threads), buffer_(kWords) {
  team_.ForEach(kWords / kPiece, [&](int64_t i, int) { std::fill_n(buffer_.data() + i * kPiece, kPiece, 1); });
}

double MachineMeter::ReadBandwidth() {
  double best = 0;
  std::atomic<uint64_t> sink{0};
  for (int round = 0; round < kRounds; ++round) {
    const double start = Seconds();
    team_.ForEach(kWords / kPiece, [&](int64_t i, int) { sink += Sum(buffer_.data() + i * kPiece, kPiece); });
    best = std::max(best, kWords * 8.0 / (Seconds() - start));
  }
  return sink.load() != 0 ? best : 0;
}

double MachineMeter::Bf16Peak() {
  const double peak = has_bf16_ ? MatmulPeak(MatmulTypes::kBf16, team_) : 0;
  has_bf16_ = peak > 0;
  return peak;
}

double MachineMeter::FloatPeak() {
  double peak = Bf16Peak();
  if (peak == 0) peak = MatmulPeak(MatmulTypes::kFloat32, team_);
  return peak > 0 ? peak : PanelPeak(WeightFormat::kBf16, DetectIsa());
}

double MachineMeter::Int8Peak() {
  const double peak = MatmulPeak(MatmulTypes::kInt8, team_);
  return peak > 0 ? peak : PanelPeak(WeightFormat::kW8A8, DetectIsa());
}

double MachineMeter::PanelPeak(WeightFormat format, Isa isa) {
  const int64_t panel_bytes = EmptyWeight(format, kPanelCols, kDepth).panel_bytes;
  const GemmKernels& kernels = GetGemmKernels(isa);
  switch (format) {
    case WeightFormat::kBf16:
      return PanelRate(kernels.bf16_panel, panel_bytes, team_);
    case WeightFormat::kW8A8:
      return PanelRate(kernels.int8_panel, panel_bytes, team_);
    case WeightFormat::kW4A8:
      return PanelRate(kernels.int4_panel, panel_bytes, team_);
    case WeightFormat::kGroups:
      return 0;  // a family, not one kernel
  }
  return 0;
}

}  // namespace puna::engine
