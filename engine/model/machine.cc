#include "engine/model/machine.h"

namespace puna::engine {

MachinePeaks MeasureMachine(int threads) {
  ThreadTeam team(threads);
  return MeasurePeaks(team, 2);
}

}  // namespace puna::engine
