#include "engine/engine.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <new>
#include <span>
#include <thread>
#include <utility>

#include "engine/base/check.h"
#include "engine/engine_core.h"
#include "engine/inbox.h"
#include "engine/published.h"
#include "engine/scheduler/scheduler.h"
#include "engine/view_recorder.h"

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

int64_t RememberedBytes(int64_t remembered_tokens) {
  return remembered_tokens > 0 ? AnswerIndex::BytesFor(remembered_tokens) : 0;
}

struct Engine::Impl {
  Impl(std::unique_ptr<Model> model, const EngineOptions& options)
      : inbox(options.max_num_seqs + options.max_waiting),
        core(std::move(model), options, [this] { inbox.Wake(); }),
        max_waiting(options.max_waiting),
        stats(core.stats()),
        recorder(core) {}

  void Run();
  void Add(Request request);
  void Stop();

  const std::shared_ptr<std::atomic<size_t>> waiting_event_bytes = std::make_shared<std::atomic<size_t>>(0);
  Inbox inbox;
  EngineCore core;  // its limits and fingerprint never change; everything else is the engine thread's
  const int max_waiting;
  std::atomic<int64_t> step_start{0};           // nanoseconds of the steady clock; 0: idle
  std::atomic<int64_t> beat{NowNanoseconds()};  // the last turn of the loop began
  std::atomic<int64_t> flush_until{0};          // nanoseconds of the steady clock: what the disk gets at the end
  Published<EngineStats> stats;
  std::atomic<int> watchers{0};
  ViewRecorder recorder;  // the engine thread's, but for Get
  std::thread thread;
};

// A request for which there is no memory ends, and nobody else.
void Engine::Impl::Add(Request request) {
  const std::shared_ptr<TokenStream> stream = request.stream;
  const uint64_t tenant = request.tenant;
  try {
    core.Add(std::move(request));
  } catch (const std::bad_alloc&) {
    stream->End({FinishReason::kError, kNoMemory, {}});
    inbox.Left(std::span(&tenant, 1));
  }
}

// The engine thread, whole.
void Engine::Impl::Run() {
  pthread_setname_np(pthread_self(), "puna-engine");
  while (!inbox.stopped()) {
    for (Request& request : inbox.Take(/*wait=*/core.has_nothing_to_do())) Add(std::move(request));
    beat = step_start = NowNanoseconds();
    core.Step();
    step_start = 0;
    stats.Set(core.stats());
    if (watchers.load(std::memory_order_relaxed) > 0) recorder.Note(core, ViewRecorder::Clock::now());
    inbox.Left(core.tenants_of_ended());
  }
  for (Request& request : inbox.Take(/*wait=*/false)) Add(std::move(request));
  core.EndAll(FinishReason::kShutdown);
  inbox.Left(core.tenants_of_ended());
  core.FlushToDisk(std::chrono::steady_clock::time_point(std::chrono::nanoseconds(flush_until)));
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
  auto stream = std::make_shared<TokenStream>(impl_->waiting_event_bytes);
  request.stream = stream;
  if (!impl_->inbox.Put(request)) return std::nullopt;
  return TokenReader(std::move(stream));
}

EngineLimits Engine::limits() const { return impl_->core.limits(); }

size_t Engine::waiting_event_bytes() const { return *impl_->waiting_event_bytes; }

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

std::shared_ptr<void> Engine::Watch() const {
  ++impl_->watchers;
  impl_->inbox.Wake();  // an idle engine makes a picture, too: the last one may be old
  return {impl_.get(), [](void* impl) { --static_cast<Impl*>(impl)->watchers; }};
}

EngineView Engine::view() const { return impl_->recorder.Get(); }

bool Engine::Drain(std::chrono::milliseconds timeout) {
  impl_->flush_until = NowNanoseconds() + std::chrono::nanoseconds(timeout).count();
  impl_->inbox.Close();
  const bool all_ended = impl_->inbox.WaitUntilEmpty(timeout);
  impl_->Stop();
  return all_ended;
}

}  // namespace puna::engine
