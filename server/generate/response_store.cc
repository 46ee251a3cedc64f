#include "server/generate/response_store.h"

#include <utility>

namespace puna::server {
namespace {

size_t BytesOf(const std::vector<api::ResponseItem>& items) {
  size_t bytes = 0;
  for (const api::ResponseItem& item : items) {
    bytes += sizeof item + item.id.size() + item.status.size() + item.role.size() + item.text.size() +
             item.call_id.size() + item.name.size() + item.arguments.size();
    for (const api::PositionLogprobs& position : item.logprobs) {
      bytes += sizeof position + position.token.bytes.size();
      for (const api::TokenLogprob& top : position.top) bytes += sizeof top + top.bytes.size();
    }
  }
  return bytes;
}

// What an entry costs without its turns.
size_t OwnBytes(const StoredResponse& response) {
  return sizeof response + response.id.size() + response.json.size() +
         response.turns.size() * sizeof(response.turns[0]);
}

}  // namespace

ResponseStore::ResponseStore(Limits limits) : limits_(limits) {}

size_t ResponseStore::size() const {
  const engine::MutexLock lock(mutex_);
  return entries_.size();
}

std::shared_ptr<const Turn> ResponseStore::MakeTurn(Turn turn) {
  const size_t bytes = sizeof turn + BytesOf(turn.input) + BytesOf(turn.output);
  *bytes_ += bytes;
  return {new Turn(std::move(turn)), [count = bytes_, bytes](const Turn* held) {
            delete held;
            *count -= bytes;
          }};
}

void ResponseStore::Put(StoredResponse response) {
  const engine::MutexLock lock(mutex_);
  *bytes_ += OwnBytes(response);
  entries_.push_front(std::make_shared<const StoredResponse>(std::move(response)));
  const StoredResponse& stored = *entries_.front();
  by_id_[stored.id] = entries_.begin();
  const std::shared_ptr<const Turn>& turn = stored.turns.back();
  for (size_t i = 0; i < turn->output.size(); ++i) items_[turn->output[i].id] = {turn, i};
  while (entries_.size() > limits_.max_responses || (*bytes_ > limits_.max_bytes && !entries_.empty()))
    Remove(std::prev(entries_.end()));
}

void ResponseStore::Remove(Entries::iterator entry) {
  const StoredResponse& response = **entry;
  for (const api::ResponseItem& item : response.turns.back()->output) items_.erase(item.id);
  *bytes_ -= OwnBytes(response);
  by_id_.erase(response.id);
  entries_.erase(entry);
}

std::shared_ptr<const StoredResponse> ResponseStore::Find(const std::string& id) {
  const engine::MutexLock lock(mutex_);
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return entries_.front();
}

bool ResponseStore::Erase(const std::string& id) {
  const engine::MutexLock lock(mutex_);
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return false;
  Remove(found->second);
  return true;
}

std::optional<api::ResponseItem> ResponseStore::FindItem(const std::string& id) const {
  const engine::MutexLock lock(mutex_);
  const auto found = items_.find(id);
  if (found == items_.end()) return std::nullopt;
  return found->second.turn->output[found->second.index];
}

std::shared_ptr<RunningResponse> ResponseStore::Begin(std::string id, std::string json, bool stored) {
  auto response = std::make_shared<RunningResponse>();
  response->id = std::move(id);
  response->json = std::move(json);
  response->stored = stored;
  const engine::MutexLock lock(mutex_);
  running_[response->id] = response;
  return response;
}

void ResponseStore::End(RunningResponse& response, std::string json) {
  std::vector<std::function<void()>> calls;
  {
    const engine::MutexLock lock(mutex_);
    response.json = std::move(json);
    response.done = true;
    response.on_cancel = nullptr;
    calls.swap(response.on_end);
    running_.erase(response.id);
  }
  for (const std::function<void()>& call : calls) call();
}

std::optional<std::string> ResponseStore::FindRunning(const std::string& id) const {
  const engine::MutexLock lock(mutex_);
  const auto found = running_.find(id);
  if (found == running_.end() || !found->second->stored) return std::nullopt;
  return found->second->json;
}

void ResponseStore::OnCancel(RunningResponse& response, std::function<void()> call) {
  const engine::MutexLock lock(mutex_);
  response.on_cancel = std::move(call);
}

std::shared_ptr<RunningResponse> ResponseStore::Cancel(const std::string& id) {
  std::shared_ptr<RunningResponse> response;
  std::function<void()> call;
  {
    const engine::MutexLock lock(mutex_);
    const auto found = running_.find(id);
    if (found == running_.end()) return nullptr;
    response = found->second;
    response->cancelled = true;
    call = response->on_cancel;
  }
  if (call) call();
  return response;
}

void ResponseStore::OnEnd(RunningResponse& response, std::function<void()> call) {
  {
    const engine::MutexLock lock(mutex_);
    if (!response.done) return response.on_end.push_back(std::move(call));
  }
  call();
}

std::optional<std::string> ResponseStore::Json(const RunningResponse& response, bool anyway) const {
  const engine::MutexLock lock(mutex_);
  return response.done || anyway ? std::optional(response.json) : std::nullopt;
}

}  // namespace puna::server
