#include "server/host/energy.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace puna::server {
namespace {

namespace fs = std::filesystem;

// Guesses for who gave none: server processors draw about so much per core at work, and a fifth of
// it at rest.
constexpr double kWattsPerCore = 10;
constexpr double kIdleShare = 0.2;

std::optional<std::string> ReadWord(const fs::path& path) {
  std::ifstream in(path);
  std::string word;
  return in >> word ? std::optional(word) : std::nullopt;
}

std::optional<int64_t> ReadNumber(const fs::path& path) {
  std::ifstream in(path);
  int64_t value = 0;
  return in >> value ? std::optional(value) : std::nullopt;
}

// A counter of microjoules that begins anew at its end.
struct Zone {
  fs::path counter;
  int64_t end = 0;
  std::optional<int64_t> last = std::nullopt;

  double TakeJoules() {
    const std::optional<int64_t> now = ReadNumber(counter);
    if (!now) return 0;
    const std::optional<int64_t> before = std::exchange(last, now);
    if (!before) return 0;
    const int64_t grown = *now >= *before ? *now - *before : *now - *before + end;
    return 1e-6 * static_cast<double>(std::max<int64_t>(0, grown));
  }
};

// The packages and, where they are counted apart, their memory. Core and uncore are inside the
// packages, psys around them; the same package may appear under two drivers.
std::vector<Zone> FindZones(const std::string& root) {
  std::vector<Zone> zones;
  std::set<std::string> seen;
  std::error_code none;
  std::vector<fs::path> folders;
  for (fs::recursive_directory_iterator it(root + "/sys/class/powercap", none), end; !none && it != end;
       it.increment(none)) {
    if (it->path().filename().string().rfind("intel-rapl", 0) == 0) folders.push_back(it->path());
  }
  for (const auto& entry : fs::directory_iterator(root + "/sys/class/powercap",
                                                  none)) {  // links are not descended into
    folders.push_back(entry.path());
  }
  std::sort(folders.begin(), folders.end());
  for (const fs::path& folder : folders) {
    const std::optional<std::string> name = ReadWord(folder / "name");
    if (!name || (name->rfind("package-", 0) != 0 && *name != "dram")) continue;
    // A package's memory is named alike in each; its number is its parent's: intel-rapl:0:1.
    std::string place = folder.filename().string();
    const size_t colon = place.find(':');
    if (colon == std::string::npos) continue;
    const std::string key = *name == "dram" ? "dram-" + place.substr(colon + 1, place.rfind(':') - colon - 1) : *name;
    const std::optional<int64_t> end = ReadNumber(folder / "max_energy_range_uj");
    if (!end || !ReadNumber(folder / "energy_uj") || !seen.insert(key).second) continue;
    zones.push_back({folder / "energy_uj", *end});
  }
  return zones;
}

class RaplMeter : public engine::EnergyMeter {
 public:
  explicit RaplMeter(std::vector<Zone> zones) : zones_(std::move(zones)) { Take(false); }
  double Take(bool) override {
    double joules = 0;
    for (Zone& zone : zones_) joules += zone.TakeJoules();
    return joules;
  }

 private:
  std::vector<Zone> zones_;
};

class WattsMeter : public engine::EnergyMeter {
 public:
  WattsMeter(double busy, double idle) : busy_(busy), idle_(idle) {}
  double Take(bool busy) override {
    const auto now = Clock::now();
    const std::chrono::duration<double> time = now - std::exchange(last_, now);
    return time.count() * (busy ? busy_ : idle_);
  }

 private:
  using Clock = std::chrono::steady_clock;
  const double busy_, idle_;
  Clock::time_point last_ = Clock::now();
};

std::string Watts(double watts) { return std::to_string(static_cast<int>(watts + 0.5)) + " W"; }

}  // namespace

Energy MakeEnergy(const config::ServerConfig& config, int threads, const std::string& root) {
  Energy energy;
  energy.terms.pue = config.pue;
  energy.terms.grams_per_kwh = config.carbon_intensity;
  std::vector<Zone> zones;
  if (config.power_watts == 0) zones = FindZones(root);
  if (!zones.empty()) {
    energy.terms.source = "measured";
    energy.description = "energy: measured by the processor (RAPL), " + std::to_string(zones.size()) + " counters";
    energy.meter = std::make_shared<RaplMeter>(std::move(zones));
    return energy;
  }
  const bool given = config.power_watts > 0;
  const double busy = given ? config.power_watts : kWattsPerCore * threads;
  const double idle = config.idle_watts > 0 ? config.idle_watts : busy * kIdleShare;
  energy.description = "energy: estimated from " + Watts(busy) + " at work and " + Watts(idle) + " at rest" +
                       (given ? "" : ", a guess (no readable RAPL counters; --power-watts)");
  energy.meter = std::make_shared<WattsMeter>(busy, idle);
  return energy;
}

}  // namespace puna::server
