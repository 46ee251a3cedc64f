#include "server/store/running_responses.h"

#include <utility>

namespace puna::server {

std::shared_ptr<RunningResponse> RunningResponses::Begin(const std::string& id, const std::string& owner,
                                                         std::string json, bool stored) {
  auto response = std::make_shared<RunningResponse>(bytes_);
  response->id = id;
  response->owner = owner;
  response->json = std::move(json);
  response->stored = stored;
  const engine::MutexLock lock(mutex_);
  running_[id] = response;
  return response;
}

void RunningResponses::Update(RunningResponse& response, std::string json) {
  const engine::MutexLock lock(mutex_);
  response.json = std::move(json);
}

void RunningResponses::End(RunningResponse& response, std::string json) {
  std::vector<std::function<void()>> calls;
  {
    const engine::MutexLock lock(mutex_);
    response.json = std::move(json);
    response.done = true;
    response.on_cancel = nullptr;
    calls.swap(response.on_end);
    running_.erase(response.id);
  }
  response.events->End();
  for (const std::function<void()>& call : calls) call();
}

std::shared_ptr<RunningResponse> RunningResponses::Find(const std::string& owner, const std::string& id) const {
  const engine::MutexLock lock(mutex_);
  const auto found = running_.find(id);
  const bool visible = found != running_.end() && found->second->stored && found->second->owner == owner;
  return visible ? found->second : nullptr;
}

void RunningResponses::OnCancel(RunningResponse& response, std::function<void()> call) {
  const engine::MutexLock lock(mutex_);
  response.on_cancel = std::move(call);
}

void RunningResponses::Cancel(RunningResponse& response) {
  std::function<void()> call;
  {
    const engine::MutexLock lock(mutex_);
    response.cancelled = true;
    call = response.on_cancel;
  }
  if (call) call();
}

void RunningResponses::CancelById(const std::string& id) {
  std::shared_ptr<RunningResponse> response;
  {
    const engine::MutexLock lock(mutex_);
    const auto found = running_.find(id);
    if (found != running_.end()) response = found->second;
  }
  if (response) Cancel(*response);
}

void RunningResponses::OnEnd(RunningResponse& response, std::function<void()> call) {
  {
    const engine::MutexLock lock(mutex_);
    if (!response.done) return response.on_end.push_back(std::move(call));
  }
  call();
}

std::string RunningResponses::Json(const RunningResponse& response) const {
  const engine::MutexLock lock(mutex_);
  return response.json;
}

bool RunningResponses::Done(const RunningResponse& response) const {
  const engine::MutexLock lock(mutex_);
  return response.done;
}

}  // namespace puna::server
