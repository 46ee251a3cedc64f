// Without oneDNN: its micro-kernels for ARM64 need SVE, and bring no matrix unit that our own kernels lack. All rows are ours.

#include "engine/base/check.h"
#include "engine/layers/onednn_panels.h"

namespace puna::engine {

struct OnednnPanels::Kernel {};

OnednnPanels::~OnednnPanels() = default;

const OnednnPanels* OnednnPanels::For(WeightFormat, int64_t, Isa) { return nullptr; }

std::unique_ptr<OnednnPanels> OnednnPanels::Make(WeightFormat, int64_t, Isa) { return nullptr; }

void OnednnPanels::Run(const void*, int, const void*, void*) const { PUNA_CHECK(false) << "there is no such kernel"; }

}  // namespace puna::engine
