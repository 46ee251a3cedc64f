#include "engine/engine.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <span>
#include <thread>
#include <utility>

#include "engine/base/check.h"
#include "engine/engine_core.h"
#include "engine/inbox.h"
#include "engine/published.h"

namespace puna::engine {
namespace {

int64_t NowNanoseconds() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

bool AllBelow(std::span<const TokenId> ids, int vocab_size) {
  return std::all_of(ids.begin(), ids.end(), [=](TokenId id) { return id >= 0 && id < vocab_size; });
}

}  // namespace

struct Engine::Impl {
  Impl(std::unique_ptr<Model> model, const EngineOptions& options)
      : core(std::move(model), options),
        inbox(options.max_num_seqs + options.max_waiting),
        max_waiting(options.max_waiting),
        stats(core.stats()) {}

  void Run();
  void Stop();

  EngineCore core;  // its limits and fingerprint never change; everything else is the engine thread's
  Inbox inbox;
  const int max_waiting;
  std::atomic<int64_t> step_start{0};           // nanoseconds of the steady clock; 0: idle
  std::atomic<int64_t> beat{NowNanoseconds()};  // the last turn of the loop began
  Published<EngineStats> stats;
  std::thread thread;
};

// The engine thread, whole.
void Engine::Impl::Run() {
  pthread_setname_np(pthread_self(), "puna-engine");
  while (!inbox.stopped()) {
    for (Request& request : inbox.Take(/*wait=*/core.idle())) core.Add(std::move(request));
    beat = step_start = NowNanoseconds();
    const int num_ended = core.Step();
    step_start = 0;
    stats.Set(core.stats());
    inbox.Left(num_ended);
  }
  for (Request& request : inbox.Take(/*wait=*/false)) core.Add(std::move(request));
  inbox.Left(core.EndAll(FinishReason::kShutdown));
}

void Engine::Impl::Stop() {
  inbox.Stop();
  if (thread.joinable()) thread.join();
}

Engine::Engine(std::unique_ptr<Model> model, const EngineOptions& options)
    : impl_(std::make_unique<Impl>(std::move(model), options)) {
  impl_->thread = std::thread([impl = impl_.get()] { impl->Run(); });
}

Engine::~Engine() { impl_->Stop(); }

std::optional<TokenReader> Engine::Submit(Request request) {
  const int length = static_cast<int>(request.prompt.size()) + request.stop.max_new_tokens;
  PUNA_CHECK(!request.prompt.empty() && request.stop.max_new_tokens >= 0 && length <= limits().max_model_len)
      << request.id << ": " << request.prompt.size() << " tokens + " << request.stop.max_new_tokens << " of "
      << limits().max_model_len;
  PUNA_CHECK(AllBelow(request.prompt, limits().vocab_size) && AllBelow(request.prediction, limits().vocab_size))
      << request.id << ": an id beyond the vocabulary of " << limits().vocab_size;
  PUNA_CHECK(request.pooling == Pooling::kNone || request.stop.max_new_tokens == 0) << request.id;
  auto stream = std::make_shared<TokenStream>();
  request.stream = stream;
  if (!impl_->inbox.Put(request)) return std::nullopt;
  return TokenReader(std::move(stream));
}

EngineLimits Engine::limits() const { return impl_->core.limits(); }

const std::string& Engine::fingerprint() const { return impl_->core.fingerprint(); }

EngineStats Engine::stats() const {
  EngineStats stats = impl_->stats.Get();
  // What is inside and not running waits, also between the inbox and the figures of the next step.
  stats.waiting = std::max(0, impl_->inbox.num_inside() - stats.running);
  stats.max_waiting = impl_->max_waiting;
  const auto since = [](int64_t start) {
    return 1e-9 * static_cast<double>(std::max<int64_t>(0, NowNanoseconds() - start));
  };
  const int64_t start = impl_->step_start;
  if (start != 0) stats.seconds_in_current_step = since(start);
  stats.seconds_since_beat = since(impl_->beat);
  return stats;
}

bool Engine::Drain(std::chrono::milliseconds timeout) {
  impl_->inbox.Close();
  const bool all_ended = impl_->inbox.WaitUntilEmpty(timeout);
  impl_->Stop();
  return all_ended;
}

}  // namespace puna::engine
