#include "engine/sampling/row_scans.inc"

namespace puna::engine {

const RowScans& Avx2RowScans() { return kScans; }

}  // namespace puna::engine
