// The responses that GET /v1/responses/{id} and previous_response_id find again, and those that are
// being made. In memory only: a restart forgets them, and so does a full store, the least recently
// used first.
#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "api/endpoints/responses_items.h"
#include "engine/base/mutex.h"

namespace puna::server {

// What one response adds to its conversation.
struct Turn {
  std::vector<api::ResponseItem> input, output;
};
// Oldest first. Responses that go on from each other share their turns.
using History = std::vector<std::shared_ptr<const Turn>>;

struct StoredResponse {
  std::string id;
  std::string json;  // the response object
  bool cancelled = false;
  History turns;  // the last one is its own
};

// A response that is being made.
struct RunningResponse {
  std::string id;
  bool stored = false;  // whether clients may see it
  std::atomic<bool> cancelled{false};
  // Under the store's mutex:
  std::string json;  // as it began; in the end, as it ended
  bool done = false;
  std::function<void()> on_cancel;            // the store's
  std::vector<std::function<void()>> on_end;  // likewise
};

class ResponseStore {
 public:
  struct Limits {
    size_t max_responses = 1024;
    size_t max_bytes = size_t{64} << 20;  // of texts and JSON, about; shared turns count once
  };
  ResponseStore() : ResponseStore(Limits{}) {}
  explicit ResponseStore(Limits limits);
  ResponseStore(const ResponseStore&) = delete;

  // All from any thread.
  const Limits& limits() const { return limits_; }
  size_t size() const;
  size_t bytes() const { return *bytes_; }

  // A turn whose bytes count against the limit for as long as anybody holds it.
  std::shared_ptr<const Turn> MakeTurn(Turn turn);

  // Forgets others until it fits; one that is larger than the whole store is not kept.
  void Put(StoredResponse response);
  // Null: there is none. What is found becomes the most recently used.
  std::shared_ptr<const StoredResponse> Find(const std::string& id);
  // False: there was none.
  bool Erase(const std::string& id);
  // The output item of a stored response.
  std::optional<api::ResponseItem> FindItem(const std::string& id) const;

  std::shared_ptr<RunningResponse> Begin(std::string id, std::string json, bool stored);
  // `json`: the object at its end.
  void End(RunningResponse& response, std::string json);
  // The object of a response that is being made and will be stored.
  std::optional<std::string> FindRunning(const std::string& id) const;
  // `call` is called when somebody cancels the response, from that thread.
  void OnCancel(RunningResponse& response, std::function<void()> call);
  // Asks a response to end. Null: nothing of this id is being made.
  std::shared_ptr<RunningResponse> Cancel(const std::string& id);
  // `call` is called when the response ends, from the thread that ends it; now, if it has.
  void OnEnd(RunningResponse& response, std::function<void()> call);
  // The object of a response that has ended, or, if `anyway`, that it has now.
  std::optional<std::string> Json(const RunningResponse& response, bool anyway) const;

 private:
  using Entries = std::list<std::shared_ptr<const StoredResponse>>;  // most recently used first
  struct ItemPlace {
    std::shared_ptr<const Turn> turn;
    size_t index = 0;
  };
  void Remove(Entries::iterator entry) PUNA_REQUIRES(mutex_);

  const Limits limits_;
  // Turns outlive the store when a handler still holds them.
  std::shared_ptr<std::atomic<size_t>> bytes_ = std::make_shared<std::atomic<size_t>>(0);
  mutable engine::Mutex mutex_;
  Entries entries_ PUNA_GUARDED_BY(mutex_);
  std::unordered_map<std::string, Entries::iterator> by_id_ PUNA_GUARDED_BY(mutex_);
  std::unordered_map<std::string, ItemPlace> items_ PUNA_GUARDED_BY(mutex_);  // outputs
  std::unordered_map<std::string, std::shared_ptr<RunningResponse>> running_ PUNA_GUARDED_BY(mutex_);
};

}  // namespace puna::server
