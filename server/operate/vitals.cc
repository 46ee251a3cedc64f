#include "server/operate/vitals.h"

#include <cstdio>
#include <new>
#include <utility>

#include "server/host/log.h"

namespace puna::server {
namespace {

constexpr std::chrono::milliseconds kTick{500};

std::string Seconds(double seconds) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f s", seconds);
  return text;
}

}  // namespace

Vitals::Vitals(std::chrono::seconds hang_limit)
    : hang_seconds_(static_cast<double>(hang_limit.count())), watch_([this] { Watch(); }) {}

Vitals::~Vitals() {
  {
    const engine::MutexLock lock(mutex_);
    ending_ = true;
  }
  end_.NotifyAll();
  watch_.join();
}

void Vitals::TellServing(const Service& service) {
  loaded_ = 1;
  service_ = &service;
}

Vitals::Report Vitals::Ask() const {
  Report report;
  report.loaded = loaded_;
  const Service* service = service_;
  if (service == nullptr) {
    report.status = fetching_ ? "fetching the model" : "loading the model";
    return report;
  }
  report.stats = service->engine->stats();
  const engine::EngineStats& stats = *report.stats;
  report.live = service->stopping || stats.seconds_since_beat <= hang_seconds_;
  report.status = !report.live                                                  ? "a step of the engine hangs"
                  : service->stopping || leaving_                               ? "shutting down"
                  : stats.max_waiting > 0 && stats.waiting >= stats.max_waiting ? "the waiting line is full"
                                                                                : "ok";
  report.ready = report.status == "ok";
  return report;
}

void Vitals::OnTick(std::function<void(const Report&)> call) {
  const engine::MutexLock lock(mutex_);
  on_tick_ = std::move(call);
}

void Vitals::Watch() {
  bool said = false;
  engine::MutexLock lock(mutex_);
  while (true) {
    const auto tick = std::chrono::steady_clock::now() + kTick;
    while (!ending_ && end_.WaitUntil(lock, tick)) {
    }
    if (ending_) return;
    try {
      said = Tick(said);
    } catch (const std::bad_alloc&) {  // there may be some at the next one
    }
  }
}

// Says whether the hang, if there is one, has been said; `said`: it had been before.
bool Vitals::Tick(bool said) {
  const Report report = Ask();
  if (!report.live && !said) {
    LogError("a step of the engine hangs: no sign of life for " + Seconds(report.stats->seconds_since_beat) +
             ", with " + std::to_string(report.stats->running) + " requests running and " +
             std::to_string(report.stats->waiting) + " waiting; /health/live says so too");
  } else if (report.live && said) {
    LogWarning("the engine goes on");
  }
  if (on_tick_) on_tick_(report);
  return !report.live;
}

}  // namespace puna::server
