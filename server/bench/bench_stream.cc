#include "server/bench/bench_stream.h"

#include <unistd.h>

#include <chrono>
#include <fstream>
#include <limits>
#include <stdexcept>

namespace puna::server {
namespace {

constexpr std::chrono::milliseconds kPatience{100};  // how soon a stream that is hung up ends

engine::TokenReader Submit(engine::Engine& engine, engine::Request request) {
  auto reader = engine.Submit(std::move(request));
  if (!reader) throw std::runtime_error("bench: the engine took no request");
  return std::move(*reader);
}

}  // namespace

double SecondsNow() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

int64_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  int64_t total = 0, resident = 0;
  statm >> total >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

std::vector<engine::TokenId> RandomIds(int count, int vocab_size, std::mt19937& rng) {
  std::vector<engine::TokenId> ids(count);
  for (engine::TokenId& id : ids) id = static_cast<engine::TokenId>(rng() % vocab_size);
  return ids;
}

engine::Request BenchRequest(std::vector<engine::TokenId> prompt, int new_tokens, std::optional<uint64_t> seed) {
  engine::Request request;
  request.prompt = std::move(prompt);
  request.sampling.temperature = seed ? 1 : 0;
  request.sampling.seed = seed.value_or(0);
  request.stop.max_new_tokens = new_tokens;
  request.stop.ignore_eos = true;
  return request;
}

BenchStream::BenchStream(engine::Engine& engine, engine::Request request)
    : reader_(Submit(engine, std::move(request))), thread_([this] { Read(); }) {}

BenchStream::~BenchStream() {
  reader_.Cancel();
  thread_.join();
}

void BenchStream::Read() {
  for (bool ended = false; !ended;) {
    auto events = reader_.Wait(kPatience);
    const double now = SecondsNow();
    const engine::MutexLock lock(mutex_);
    for (engine::TokenEvent& event : events) {
      if (event.kind == engine::TokenEvent::Kind::kToken) times_.push_back(now);
      if (event.kind == engine::TokenEvent::Kind::kEnd) finish_ = std::move(event.finish);
    }
    ended = finish_.has_value();
  }
}

std::vector<double> BenchStream::Times() const {
  const engine::MutexLock lock(mutex_);
  return times_;
}

void BenchStream::AwaitTokens(int count) const {
  for (;; std::this_thread::sleep_for(std::chrono::milliseconds(1))) {
    const engine::MutexLock lock(mutex_);
    if (finish_ && finish_->reason == engine::FinishReason::kError)
      throw std::runtime_error("bench: " + finish_->error);
    if (finish_ || static_cast<int>(times_.size()) >= count) return;
  }
}

engine::Usage BenchStream::AwaitEnd() const {
  AwaitTokens(std::numeric_limits<int>::max());
  const engine::MutexLock lock(mutex_);
  return finish_->usage;
}

std::vector<double> GapsBetween(const std::vector<std::vector<double>>& times, double from, double to) {
  std::vector<double> gaps;
  for (const std::vector<double>& stream : times) {
    for (size_t i = 1; i < stream.size(); ++i) {
      if (stream[i] >= from && stream[i] < to) gaps.push_back(stream[i] - stream[i - 1]);
    }
  }
  return gaps;
}

}  // namespace puna::server
