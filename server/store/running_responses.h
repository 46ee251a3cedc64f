// The responses that this server is making.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/base/mutex.h"
#include "server/store/event_log.h"

namespace puna::server {

struct RunningResponse {
  // `total`: as EventLog has it.
  explicit RunningResponse(std::shared_ptr<std::atomic<size_t>> total)
      : events(std::make_shared<EventLog>(std::move(total))) {}

  std::string id, owner;
  bool stored = false;  // whether clients may see it
  std::atomic<bool> cancelled{false};
  const std::shared_ptr<EventLog> events;
  // Under the mutex of RunningResponses:
  std::string json;  // as it began; in the end, as it ended
  bool done = false;
  std::function<void()> on_cancel;
  std::vector<std::function<void()>> on_end;
};

// All from any thread. An `owner` finds its own only.
class RunningResponses {
 public:
  std::shared_ptr<RunningResponse> Begin(const std::string& id, const std::string& owner, std::string json,
                                         bool stored);
  void Update(RunningResponse& response, std::string json);
  // `json`: the object at its end.
  void End(RunningResponse& response, std::string json);
  // One that will be stored. Null: there is none.
  std::shared_ptr<RunningResponse> Find(const std::string& owner, const std::string& id) const;
  // `call` is called when somebody cancels the response, from that thread.
  void OnCancel(RunningResponse& response, std::function<void()> call);
  // Asks a response to end.
  void Cancel(RunningResponse& response);
  void CancelById(const std::string& id);  // whoever it belongs to; none: nothing
  // `call` is called when the response ends, from the thread that ends it; now, if it has.
  void OnEnd(RunningResponse& response, std::function<void()> call);
  std::string Json(const RunningResponse& response) const;  // as it is now
  bool Done(const RunningResponse& response) const;
  size_t bytes() const { return *bytes_; }  // of their events, and of those that only readers still hold

 private:
  const std::shared_ptr<std::atomic<size_t>> bytes_ = std::make_shared<std::atomic<size_t>>(0);
  mutable engine::Mutex mutex_;
  std::unordered_map<std::string, std::shared_ptr<RunningResponse>> running_ PUNA_GUARDED_BY(mutex_);
};

}  // namespace puna::server
