#include "server/host/energy.h"

#include <doctest/doctest.h>

#include <string>
#include <thread>

#include "tests/support/temporary_folder.h"

namespace puna::server {
namespace {

// A machine's /sys/class/powercap in a temporary folder.
struct Powercap : testing::TemporaryFolder {
  void Zone(const std::string& folder, const std::string& name, int64_t microjoules) const {
    const std::string zone = "sys/class/powercap/" + folder;
    Write(zone + "/name", name + '\n');
    Write(zone + "/energy_uj", std::to_string(microjoules) + '\n');
    Write(zone + "/max_energy_range_uj", "1000000000\n");
  }
  const std::string& root() const { return path(); }
};

TEST_CASE("packages and their memory are measured once each, and counters may begin anew") {
  const Powercap machine;
  const auto set = [&](int64_t package, int64_t dram) {
    machine.Zone("intel-rapl:0", "package-0", package);
    machine.Zone("intel-rapl-mmio:0", "package-0", package);  // the same by another way
    machine.Zone("intel-rapl:0:0", "core", package / 2);
    machine.Zone("intel-rapl:0:1", "dram", dram);
    machine.Zone("intel-rapl:1", "psys", 7 * package);
  };
  set(900000000, 5000000);
  const Energy energy = MakeEnergy({}, 4, machine.root());
  CHECK(energy.terms.source == "measured");
  set(950000000, 6000000);
  CHECK(energy.meter->Take(true) == doctest::Approx(51));
  CHECK(energy.meter->Take(true) == 0);
  set(20000000, 6000000);  // 50 J to the end, 20 J from the beginning
  CHECK(energy.meter->Take(false) == doctest::Approx(70));
}

TEST_CASE("without counters watts are taken, and called an estimate") {
  const Powercap empty;
  config::ServerConfig config;
  config.power_watts = 1000;
  config.idle_watts = 1;
  const Energy energy = MakeEnergy(config, 4, empty.root());
  CHECK(energy.terms.source == "estimated");
  energy.meter->Take(false);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  CHECK(energy.meter->Take(true) >= 50);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  const double idle = energy.meter->Take(false);
  CHECK(idle >= 0.05);
  CHECK(idle < 50);
  CHECK(MakeEnergy({}, 4, empty.root()).description.find("40 W") != std::string::npos);
}

TEST_CASE("grams of CO2e") {
  const EnergyTerms terms{"measured", 1.5, 400};
  CHECK(terms.Grams(3.6e6) == doctest::Approx(600));
}

}  // namespace
}  // namespace puna::server
