// EnergyMeter: where the engine learns what its steps cost.
#pragma once

namespace puna::engine {

class EnergyMeter {
 public:
  virtual ~EnergyMeter() = default;

  // Joules that were used since the last call (the first call starts the measurement and gives 0). `busy`: the engine
  // has computed since then, else it has waited. One thread.
  virtual double Take(bool busy) = 0;
};

}  // namespace puna::engine
