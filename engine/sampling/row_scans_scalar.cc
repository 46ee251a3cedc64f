#include "engine/sampling/row_scans.inc"

namespace puna::engine {

const RowScans& ScalarRowScans() { return kScans; }

}  // namespace puna::engine
