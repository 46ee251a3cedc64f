#include "engine/kernels/panel_rounding.inc"

namespace puna::engine {

const PanelRounding& ScalarPanelRounding() { return kRounding; }

}  // namespace puna::engine
