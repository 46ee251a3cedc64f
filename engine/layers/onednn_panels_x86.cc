#include "engine/layers/onednn_panels.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <limits>
#include <map>
#include <oneapi/dnnl/dnnl_ukernel.hpp>
#include <random>
#include <tuple>
#include <utility>
#include <vector>

#include "engine/base/aligned_buffer.h"
#include "engine/base/mutex.h"
#include "engine/kernels/gemm.h"

namespace puna::engine {
namespace {

using Type = dnnl::memory::data_type;

bool Served(WeightFormat format, Isa isa) {
  switch (format) {
    case WeightFormat::kBf16:
      return isa >= Isa::kAvx512Bf16;
    case WeightFormat::kW8A8:
      return isa >= Isa::kAvx512;
    case WeightFormat::kW4A8:
    case WeightFormat::kGroups:
      return false;
  }
  return false;
}

// Of a few runs the best: others on the machine only ever make one slower.
double BestSeconds(const auto& fn) {
  using Clock = std::chrono::steady_clock;
  double best = std::numeric_limits<double>::infinity();
  for (int i = 0; i < 7; ++i) {
    const Clock::time_point start = Clock::now();
    fn();
    best = std::min(best, std::chrono::duration<double>(Clock::now() - start).count());
  }
  return best;
}

}  // namespace

struct OnednnPanels::Kernel {
  Kernel(WeightFormat format, int rows, int64_t k)
      : brgemm(rows, kPanelCols, k, 1, k, kPanelCols, kPanelCols, format == WeightFormat::kW8A8 ? Type::u8 : Type::bf16,
               format == WeightFormat::kW8A8 ? Type::s8 : Type::bf16,
               format == WeightFormat::kW8A8 ? Type::s32 : Type::f32) {
    brgemm.set_add_C(false);
    brgemm.finalize();
    brgemm.generate();
    scratch_bytes = brgemm.get_scratchpad_size();
  }

  void Run(const void* a, const void* panel, void* y) const {
    std::vector<uint8_t> scratch(scratch_bytes);  // mostly none: one panel is computed without copies
    brgemm.execute(a, panel, offsets, y, scratch.data());
  }

  dnnl::ukernel::brgemm brgemm;
  size_t scratch_bytes = 0;
  const std::vector<std::pair<dnnl::memory::dim, dnnl::memory::dim>> offsets{{0, 0}};  // of A and B, in bytes
};

OnednnPanels::OnednnPanels(WeightFormat format, int64_t k)
    : format_(format),
      k_(k),
      small_(std::make_unique<Kernel>(format, kSmallRows, k)),
      large_(std::make_unique<Kernel>(format, kLargeRows, k)) {}

OnednnPanels::~OnednnPanels() = default;

// oneDNN beside our own kernel, on one random panel.
struct OnednnPanels::Trial {
  bool agrees = false;  // in every bit: bf16 sums of one order, or the integer sums
  int least_rows = 0;   // from which on it is faster; 0: never
};

const OnednnPanels* OnednnPanels::For(WeightFormat format, int64_t k, Isa isa) {
  struct Registry {
    Mutex mutex;
    std::map<std::tuple<WeightFormat, int64_t, Isa>, std::unique_ptr<OnednnPanels>> made PUNA_GUARDED_BY(mutex);
  };
  static Registry registry;
  const MutexLock lock(registry.mutex);
  const auto [entry, fresh] = registry.made.try_emplace({format, k, isa});
  if (!fresh) return entry->second.get();
  std::unique_ptr<OnednnPanels> panels = Make(format, k, isa);
  if (panels != nullptr && panels->least_rows_ > 0) entry->second = std::move(panels);
  return entry->second.get();
}

std::unique_ptr<OnednnPanels> OnednnPanels::Make(WeightFormat format, int64_t k, Isa isa) {
  if (!Served(format, isa)) return nullptr;
  try {
    std::unique_ptr<OnednnPanels> panels(new OnednnPanels(format, k));
    const Trial trial = panels->Try(isa);
    panels->least_rows_ = trial.least_rows;
    if (trial.agrees) return panels;
  } catch (const dnnl::error&) {
    // This processor has no such micro-kernel: Model::Kernels says so.
  }
  return nullptr;
}

void OnednnPanels::Run(const void* a, int rows, const void* panel, void* y) const {
  const int64_t row_bytes = k_ * (format_ == WeightFormat::kW8A8 ? 1 : 2);
  const Kernel* configured = nullptr;
  for (int row = 0; row + kSmallRows <= rows;) {
    const bool large = rows - row >= kLargeRows;
    const Kernel* kernel = large ? large_.get() : small_.get();
    if (kernel != configured) kernel->brgemm.set_hw_context();  // AMX: the shape of the tiles
    configured = kernel;
    kernel->Run(static_cast<const uint8_t*>(a) + row * row_bytes, panel, static_cast<int32_t*>(y) + row * kPanelCols);
    row += large ? kLargeRows : kSmallRows;
  }
  if (configured != nullptr) dnnl::ukernel::brgemm::release_hw_context();
}

OnednnPanels::Trial OnednnPanels::Try(Isa isa) const {
  std::mt19937 rng(1);
  const GemmKernels& gemm = GetGemmKernels(isa);
  if (format_ == WeightFormat::kW8A8) {
    return TryAgainst(gemm.int8_panel,
                      [&](auto& code) { code = static_cast<std::remove_reference_t<decltype(code)>>(rng()); });
  }
  std::normal_distribution<float> normal;
  return TryAgainst(gemm.bf16_panel, [&](bf16& value) { value = ToBf16(normal(rng)); });
}

// oneDNN reads rows as they are, so that must be our kernel's order, too.
template <typename A, typename W, typename Y>
OnednnPanels::Trial OnednnPanels::TryAgainst(const PanelProduct<A, W, Y>& product, const auto& draw) const {
  if (product.tile_rows != 1 || product.row_bytes != PlainRowBytes<A>) return {};
  constexpr int kRows = kLargeRows + kSmallRows;
  AlignedBuffer<A> a(kRows * k_);
  AlignedBuffer<W> panel(kPanelCols * k_);
  AlignedBuffer<Y> ours(kRows * kPanelCols), theirs(kRows * kPanelCols);
  for (A& x : a.span()) draw(x);
  for (W& x : panel.span()) draw(x);
  const auto run_ours = [&](int rows) {
    product.multiply(reinterpret_cast<const uint8_t*>(a.data()), rows, panel.data(), k_, ours.data(), kPanelCols);
  };
  const auto run_theirs = [&](int rows) { Run(a.data(), rows, panel.data(), theirs.data()); };
  run_ours(kRows);
  run_theirs(kRows);
  Trial trial;
  trial.agrees = std::memcmp(ours.data(), theirs.data(), ours.bytes()) == 0;
  constexpr double kWorthIt = 1.03;  // two kernels of one rate shall not take turns from start to start
  for (const int rows : {kLargeRows, kSmallRows}) {
    if (BestSeconds([&] { run_ours(rows); }) < kWorthIt * BestSeconds([&] { run_theirs(rows); })) break;
    trial.least_rows = rows;
  }
  return trial;
}

}  // namespace puna::engine
