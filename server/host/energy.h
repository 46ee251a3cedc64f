// What answers cost: joules from the machine's own counters (RAPL) where they can be read, else from watts that the
// operator gave or that are guessed, and grams of CO2e from them.
#pragma once

#include <memory>
#include <string>

#include "config/server_config.h"
#include "engine/energy_meter.h"

namespace puna::server {

// How joules become grams, and how far they are to be trusted.
struct EnergyTerms {
  std::string source = "estimated";  // or "measured"
  double pue = 1;                    // total energy of the site over that of its machines
  double grams_per_kwh = 0;          // CO2e of the electricity, location-based

  double Grams(double joules) const { return joules / 3.6e6 * pue * grams_per_kwh; }
};

struct Energy {
  std::shared_ptr<engine::EnergyMeter> meter;
  EnergyTerms terms;
  std::string description;  // for the log
};

// `threads` compute. `root` stands before /sys in tests.
Energy MakeEnergy(const config::ServerConfig& config, int threads, const std::string& root = "");

}  // namespace puna::server
