#include "engine/layers/onednn_panels.h"

#include <cstring>
#include <map>
#include <mutex>
#include <oneapi/dnnl/dnnl_ukernel.hpp>
#include <random>
#include <utility>
#include <vector>

#include "engine/base/aligned_buffer.h"
#include "engine/kernels/gemm.h"

namespace puna::engine {
namespace {

using Type = dnnl::memory::data_type;

// Half of a second-level cache of 1 MiB: beyond it the panel is fetched anew for every 32 rows.
constexpr int64_t kMaxBf16PanelBytes = int64_t{512} << 10;

bool Served(WeightFormat format, int64_t k, Isa isa) {
  switch (format) {
    case WeightFormat::kBf16: return isa >= Isa::kAvx512Bf16 && k * kPanelCols * 2 <= kMaxBf16PanelBytes;
    case WeightFormat::kW8A8: return isa >= Isa::kAvx512;
    case WeightFormat::kW4A8: return false;
  }
  return false;
}

}  // namespace

struct OnednnPanels::Kernel {
  Kernel(WeightFormat format, int rows, int64_t k)
      : brgemm(rows, kPanelCols, k, 1, k, kPanelCols, kPanelCols, format == WeightFormat::kW8A8 ? Type::u8 : Type::bf16,
               format == WeightFormat::kW8A8 ? Type::s8 : Type::bf16, format == WeightFormat::kW8A8 ? Type::s32 : Type::f32) {
    brgemm.set_add_C(false);
    brgemm.finalize();
    brgemm.generate();
    scratch_bytes = brgemm.get_scratchpad_size();
  }

  void Run(const void* a, const void* panel, void* y) const {
    thread_local std::vector<uint8_t> scratch;
    thread_local const std::vector<std::pair<dnnl::memory::dim, dnnl::memory::dim>> offsets{{0, 0}};
    if (scratch.size() < scratch_bytes) scratch.resize(scratch_bytes);
    brgemm.execute(a, panel, offsets, y, scratch.data());
  }

  dnnl::ukernel::brgemm brgemm;
  size_t scratch_bytes = 0;
};

OnednnPanels::OnednnPanels(WeightFormat format, int64_t k)
    : format_(format),
      k_(k),
      small_(std::make_unique<Kernel>(format, kSmallRows, k)),
      large_(std::make_unique<Kernel>(format, kLargeRows, k)) {}

OnednnPanels::~OnednnPanels() = default;

const OnednnPanels* OnednnPanels::For(WeightFormat format, int64_t k, Isa isa) {
  if (!Served(format, k, isa)) return nullptr;
  static std::mutex mutex;
  static std::map<std::pair<WeightFormat, int64_t>, std::unique_ptr<OnednnPanels>> made;
  const std::lock_guard lock(mutex);
  const auto [entry, fresh] = made.try_emplace({format, k});
  if (!fresh) return entry->second.get();
  try {
    std::unique_ptr<OnednnPanels> panels(new OnednnPanels(format, k));
    if (panels->AgreesWith(isa)) entry->second = std::move(panels);
  } catch (const dnnl::error&) {
    // This processor has no such micro-kernel: the entry stays empty, and Model::Kernels says so.
  }
  return entry->second.get();
}

void OnednnPanels::Run(const void* a, int rows, const void* panel, void* y) const {
  const int64_t row_bytes = k_ * (format_ == WeightFormat::kW8A8 ? 1 : 2);
  const Kernel* configured = nullptr;
  for (int row = 0; row < Share(rows);) {
    const bool large = Share(rows) - row >= kLargeRows;
    const Kernel* kernel = large ? large_.get() : small_.get();
    if (kernel != configured) kernel->brgemm.set_hw_context();  // AMX: the shape of the tiles
    configured = kernel;
    kernel->Run(static_cast<const uint8_t*>(a) + row * row_bytes, panel, static_cast<int32_t*>(y) + row * kPanelCols);
    row += large ? kLargeRows : kSmallRows;
  }
  if (configured != nullptr) dnnl::ukernel::brgemm::release_hw_context();
}

// Both kernels on a random panel: bf16 sums of one order, or the integer sums, are equal to the last bit.
bool OnednnPanels::AgreesWith(Isa isa) const {
  constexpr int kRows = kLargeRows + kSmallRows;
  std::mt19937 rng(1);
  AlignedBuffer<uint8_t> a(kRows * k_ * 2), panel(k_ * kPanelCols * 2);
  AlignedBuffer<int32_t> ours(kRows * kPanelCols), theirs(kRows * kPanelCols);
  if (format_ == WeightFormat::kW8A8) {
    for (size_t i = 0; i < a.size(); ++i) a.data()[i] = static_cast<uint8_t>(rng());
    for (size_t i = 0; i < panel.size(); ++i) panel.data()[i] = static_cast<uint8_t>(rng());
    GetGemmKernels(isa).int8_panel(a.data(), k_, kRows, reinterpret_cast<const int8_t*>(panel.data()), k_, ours.data(),
                                   kPanelCols);
  } else {
    std::normal_distribution<float> normal;
    auto* rows = reinterpret_cast<bf16*>(a.data());
    auto* weights = reinterpret_cast<bf16*>(panel.data());
    for (int64_t i = 0; i < kRows * k_; ++i) rows[i] = ToBf16(normal(rng));
    for (int64_t i = 0; i < kPanelCols * k_; ++i) weights[i] = ToBf16(normal(rng));
    GetGemmKernels(isa).bf16_panel(rows, k_, kRows, weights, k_, reinterpret_cast<float*>(ours.data()), kPanelCols);
  }
  Run(a.data(), kRows, panel.data(), theirs.data());
  return std::memcmp(ours.data(), theirs.data(), ours.bytes()) == 0;
}

}  // namespace puna::engine
