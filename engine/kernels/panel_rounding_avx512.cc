#include "engine/kernels/panel_rounding.inc"

namespace puna::engine {

const PanelRounding& Avx512PanelRounding() { return kRounding; }

}  // namespace puna::engine
