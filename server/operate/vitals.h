// How the process is: loading, serving, hanging or ending. Asked by probes and metrics from any
// thread, also before there is a model; nothing here waits for the engine.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <thread>

#include "engine/base/mutex.h"
#include "engine/stats.h"
#include "server/generate/service.h"

namespace puna::server {

class Vitals {
 public:
  // A step, or an idle engine's silence, that lasts longer than `hang_limit` counts as a hang, is
  // said in the log once, and so is its end.
  explicit Vitals(std::chrono::seconds hang_limit);
  ~Vitals();
  Vitals(const Vitals&) = delete;

  // Of the model, in [0, 1]: of its files from a hub, and then of loading them.
  void TellFetched(double share) {
    fetching_ = true;
    loaded_ = share;
  }
  void TellLoaded(double share) {
    fetching_ = false;
    loaded_ = share;
  }
  void TellServing(const Service& service);  // which outlives this object
  void TellLeaving() { leaving_ = true; }    // not ready any more, though it still answers
  // Null while the model loads.
  const Service* service() const { return service_; }

  struct Report {
    bool live = true;
    bool ready = false;
    std::string status;  // "ok", or what is the matter
    double loaded = 0;
    std::optional<engine::EngineStats> stats;  // none while the model loads
  };
  Report Ask() const;

  // Called twice a second from now on, from a thread of its own.
  void OnTick(std::function<void(const Report&)> call);

 private:
  void Watch();
  bool Tick(bool said) PUNA_REQUIRES(mutex_);

  const double hang_seconds_;
  std::atomic<double> loaded_{0};
  std::atomic<bool> fetching_{false};
  std::atomic<bool> leaving_{false};
  std::atomic<const Service*> service_{nullptr};
  engine::Mutex mutex_;
  engine::Condition end_;
  bool ending_ PUNA_GUARDED_BY(mutex_) = false;
  std::function<void(const Report&)> on_tick_ PUNA_GUARDED_BY(mutex_);
  std::thread watch_;
};

}  // namespace puna::server
