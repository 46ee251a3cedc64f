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
    case WeightFormat::kBf16:
      return isa >= Isa::kAvx512Bf16 && k * kPanelCols * 2 <= kMaxBf16PanelBytes;
    case WeightFormat::kW8A8:
      return isa >= Isa::kAvx512;
    case WeightFormat::kW4A8:
      return false;
  }
  return false;
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

// Both kernels on a random panel: bf16 sums of one order, or the integer sums, are equal to the last bit. oneDNN reads rows as
// they are, so our kernel's order must be that, too.
bool OnednnPanels::AgreesWith(Isa isa) const {
  std::mt19937 rng(1);
  const GemmKernels& gemm = GetGemmKernels(isa);
  if (format_ == WeightFormat::kW8A8) {
    return Agrees(gemm.int8_panel,
                  [&](auto& code) { code = static_cast<std::remove_reference_t<decltype(code)>>(rng()); });
  }
  std::normal_distribution<float> normal;
  return Agrees(gemm.bf16_panel, [&](bf16& value) { value = ToBf16(normal(rng)); });
}

template <typename A, typename W, typename Y>
bool OnednnPanels::Agrees(const PanelProduct<A, W, Y>& product, const auto& draw) const {
  if (product.tile_rows != 1 || product.row_bytes != PlainRowBytes<A>) return false;
  constexpr int kRows = kLargeRows + kSmallRows;
  AlignedBuffer<A> a(kRows * k_);
  AlignedBuffer<W> panel(kPanelCols * k_);
  AlignedBuffer<Y> ours(kRows * kPanelCols), theirs(kRows * kPanelCols);
  for (A& x : a.span()) draw(x);
  for (W& x : panel.span()) draw(x);
  product.multiply(reinterpret_cast<const uint8_t*>(a.data()), kRows, panel.data(), k_, ours.data(), kPanelCols);
  Run(a.data(), kRows, panel.data(), theirs.data());
  return std::memcmp(ours.data(), theirs.data(), ours.bytes()) == 0;
}

}  // namespace puna::engine
