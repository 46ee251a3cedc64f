#include "engine/layers/kernel_rates.h"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <random>
#include <span>
#include <type_traits>
#include <utility>

#include "engine/base/aligned_buffer.h"
#include "engine/kernels/ceiling.h"
#include "engine/kernels/gemm.h"
#include "engine/kernels/group_gemm.h"
#include "engine/layers/linear_input.h"
#include "engine/layers/packed_weight.h"

namespace puna::engine {
namespace {

constexpr int64_t kDepth = 3072;  // of a panel
constexpr int64_t kMemoryBytes = int64_t{160}
                                 << 20;  // many times any second-level cache, several times most third-level ones
constexpr int64_t kBlockBytes = int64_t{1} << 20;  // that are timed at a time

double Seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// The best of runs for a while: what the machine does beside us only ever adds.
template <typename Fn>
double BestSeconds(double for_seconds, const Fn& run) {
  double best = 1e30;
  const double start = Seconds();
  for (double now = start; now < start + for_seconds;) {
    run();
    const double end = Seconds();
    best = std::min(best, end - now);
    now = end;
  }
  return best;
}

double ClockHz() {
  constexpr int kAdditions = 20000;
  return kAdditions / BestSeconds(0.1, [] {
           uint64_t sum = 0;
           for (int i = 0; i < kAdditions; ++i) {
             ++sum;
             asm volatile("" : "+r"(sum));
           }
         });
}

using Panels = std::span<const uint8_t* const>;

// Random rows, and their product with panels of one form.
class Multiplier {
 public:
  Multiplier(const WeightForm& form, int rows, Isa isa) : form_(form), rows_(rows), y_(size_t{96} * kPanelCols * 2) {
    const GemmKernels& gemm = GetGemmKernels(isa);
    switch (form.format) {
      case WeightFormat::kBf16:
        Use(gemm.bf16_panel);
        break;
      case WeightFormat::kW8A8:
        Use(gemm.int8_panel);
        break;
      case WeightFormat::kW4A8:
        Use(gemm.int4_panel);
        break;
      case WeightFormat::kGroups:
        UseGroups(GetGroupProduct(isa));
        break;
    }
  }

  int panels() const { return by_turns_ ? kPanelsByTurns : 1; }
  void Run(Panels panels) { run_(panels); }

 private:
  template <typename A>
  std::vector<A> RandomRows() const {
    std::mt19937 rng(1);
    std::vector<A> rows(rows_ * kDepth);
    for (A& x : rows) {
      if constexpr (std::is_same_v<A, bf16>) {
        x = ToBf16(static_cast<float>(rng() % 64));
      } else {
        x = static_cast<A>(rng() % 64);
      }
    }
    return rows;
  }

  template <typename A, typename W, typename Y>
  void Use(const PanelProduct<A, W, Y>& product) {
    x_ = Arranged(product, RandomRows<A>().data(), rows_, kDepth);
    by_turns_ = rows_ == 1 && product.multiply_row != nullptr;
    run_ = [this, product](Panels panels) {
      auto* y = reinterpret_cast<Y*>(y_.data());
      const W* weights[kPanelsByTurns];
      for (size_t i = 0; i < panels.size(); ++i) weights[i] = reinterpret_cast<const W*>(panels[i]);
      if (by_turns_) return product.multiply_row(x_.data(), {weights, panels.size()}, kDepth, y);
      product.multiply(x_.data(), rows_, weights[0], kDepth, y, kPanelCols);
    };
  }

  void UseGroups(const GroupProduct& product) {
    const auto codes = RandomRows<int8_t>();
    const int64_t row_bytes = product.row_bytes(kDepth);
    x_.resize(rows_ * row_bytes);
    for (int r = 0; r < rows_; r += product.tile_rows) {
      product.arrange(codes.data() + r * kDepth, std::min(product.tile_rows, rows_ - r), kDepth,
                      x_.data() + r * row_bytes);
    }
    by_turns_ = rows_ == 1 && product.multiply_row != nullptr;
    run_ = [this, product](Panels panels) {
      if (by_turns_) return product.multiply_row(form_.groups, x_.data(), panels, kDepth, y_.data());
      product.multiply(form_.groups, x_.data(), rows_, panels[0], kDepth, y_.data(), kPanelCols);
    };
  }

  WeightForm form_;
  int rows_;
  bool by_turns_ = false;
  std::vector<uint8_t> x_;
  AlignedBuffer<float> y_;
  std::function<void(Panels)> run_;
};

double CeilingOf(const WeightForm& form, const Ceilings& ceilings) {
  using Code = GroupForm::Code;
  const Code code = form.groups.code;
  const bool bytes = form.format == WeightFormat::kW8A8 ||
                     (form.format == WeightFormat::kGroups && (code == Code::kInt8 || code == Code::kIq4));
  const CeilingLoop& loop = form.format == WeightFormat::kBf16 ? ceilings.bf16 : bytes ? ceilings.int8 : ceilings.int4;
  constexpr int64_t kRounds = 2000;
  return loop.run == nullptr ? 0 : loop.operations * kRounds / BestSeconds(0.05, [&] { loop.run(kRounds); });
}

// Memory whose every byte is a small code, and every two or four of them a small number.
AlignedBuffer<uint8_t> RandomMemory() {
  AlignedBuffer<uint8_t> memory(kMemoryBytes + kBlockBytes);  // kernels fetch beyond the end
  std::mt19937_64 rng(1);
  auto* words = reinterpret_cast<uint64_t*>(memory.data());
  for (int64_t i = 0; i < kMemoryBytes / 8; ++i) words[i] = rng() & 0x3f3f3f3f3f3f3f3fu;
  return memory;
}

// Bytes a second over all of memory in blocks, each block's best pass; what takes longer than a second is cut short.
double ReadAnew(const std::function<void(int64_t)>& block, int64_t blocks, int64_t bytes) {
  constexpr int kPasses = 5;
  std::vector<double> best(blocks, 1e30);
  const double end = Seconds() + 1;
  for (int pass = 0; pass < kPasses && (pass == 0 || Seconds() < end); ++pass) {
    for (int64_t b = 0; b < blocks; ++b) {
      const double start = Seconds();
      block(b);
      const double now = Seconds();
      best[b] = std::min(best[b], now - start);
      if (pass == 0 && now > end) blocks = b + 1;
    }
  }
  return static_cast<double>(blocks * bytes) / std::accumulate(best.begin(), best.begin() + blocks, 0.0);
}

double PlainRead(const AlignedBuffer<uint8_t>& memory) {
  uint64_t sink = 0;
  const auto read = [&](int64_t b) {
    const auto* p = reinterpret_cast<const uint64_t*>(memory.data() + b * kBlockBytes);
    uint64_t sums[8] = {};
    for (int64_t i = 0; i < kBlockBytes / 8; i += 8) {
      for (int j = 0; j < 8; ++j) sums[j] += p[i + j];
    }
    for (const uint64_t sum : sums) sink += sum;
  };
  const double rate = ReadAnew(read, kMemoryBytes / kBlockBytes, kBlockBytes);
  return sink != 0 ? rate : 0;
}

KernelRate Measure(const WeightForm& form, int rows, Isa isa, const AlignedBuffer<uint8_t>& memory) {
  Multiplier multiplier(form, rows, isa);
  const int64_t panel_bytes = EmptyWeight(form, kPanelCols, kDepth).panel_bytes;
  const double operations = 2.0 * rows * kDepth * kPanelCols;  // of one panel
  const int together = multiplier.panels();
  const auto run_from = [&](int64_t panel) {
    const uint8_t* panels[kPanelsByTurns];
    for (int i = 0; i < together; ++i) panels[i] = memory.data() + (panel + i) * panel_bytes;
    multiplier.Run({panels, static_cast<size_t>(together)});
  };
  KernelRate rate{.form = form, .rows = rows};
  rate.cached_operations = operations * together / BestSeconds(0.05, [&] { run_from(0); });
  const int64_t per_block = std::max<int64_t>(kBlockBytes / panel_bytes / together, 1) * together;
  const int64_t blocks = kMemoryBytes / (per_block * panel_bytes);
  const auto block = [&](int64_t b) {
    for (int64_t p = b * per_block; p < (b + 1) * per_block; p += together) run_from(p);
  };
  rate.memory_bytes = ReadAnew(block, blocks, per_block * panel_bytes);
  rate.memory_operations = rate.memory_bytes / static_cast<double>(panel_bytes) * operations;
  return rate;
}

}  // namespace

std::vector<WeightForm> CommonForms() {
  std::vector<WeightForm> forms = {WeightFormat::kBf16, WeightFormat::kW8A8, WeightFormat::kW4A8};
  for (const char* name : {"int4/32", "int4/32 k min", "int5/32 k min", "int6/16 k", "int8/32", "iq4/32"}) {
    forms.push_back(*WeightFormOf(name));
  }
  return forms;
}

KernelRates MeasureKernels(const std::vector<WeightForm>& forms, const std::vector<int>& rows, Isa isa,
                           const std::function<void(const std::string&)>& progress) {
  const AlignedBuffer<uint8_t> memory = RandomMemory();
  const Ceilings ceilings = GetCeilings(isa);
  KernelRates all{ClockHz(), PlainRead(memory), {}};
  for (const WeightForm& form : forms) {
    const double ceiling = CeilingOf(form, ceilings);
    for (const int m : rows) {
      progress(Name(form) + ", " + std::to_string(m) + (m == 1 ? " row" : " rows"));
      all.rates.push_back(Measure(form, m, isa, memory));
      all.rates.back().ceiling = ceiling;
    }
  }
  all.read_bytes = std::max(all.read_bytes, PlainRead(memory));  // a machine's memory is not always equally fast
  return all;
}

}  // namespace puna::engine
