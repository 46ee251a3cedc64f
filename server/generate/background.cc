#include "server/generate/background.h"

#include <algorithm>
#include <exception>
#include <new>
#include <system_error>
#include <utility>

#include "api/json/error.h"
#include "server/host/log.h"

namespace puna::server {
namespace {

// Nobody reads, and nobody leaves.
class NoReader : public ByteSink {
 public:
  bool Write(std::string_view) override { return true; }
  bool client_gone() override { return false; }
};

std::thread StartThread(const std::function<void()>& work) {
  try {
    return std::thread(work);
  } catch (const std::system_error& error) {
    throw api::ApiError(503, "server_error", "no_thread",
                        std::string("The system gives this server no thread for answers in the background (") +
                            error.what() + "). Ask without 'background', or have its limit of processes raised.")
        .WithRetryAfter(1);
  }
}

// Runs what may be left out where there is no memory for it: a line, a count.
void UnlessScarce(const std::function<void()>& work) {
  try {
    work();
  } catch (const std::bad_alloc&) {
  }
}

}  // namespace

void Background::Run(std::unique_ptr<ReplyTask> task, HttpReply reply, std::function<void(const AccessLine&)> done) {
  auto job = std::make_shared<Job>();
  job->task = std::move(task);
  job->reply = std::move(reply);
  job->done = std::move(done);
  job->task->Start([this, weak = std::weak_ptr(job)] {
    const std::shared_ptr<Job> woken = weak.lock();
    if (!woken) return;
    const engine::MutexLock lock(mutex_);
    woken->woken = true;
    changed_.NotifyAll();
  });
  const engine::MutexLock lock(mutex_);
  if (stopping_) return;
  if (!thread_.joinable()) thread_ = StartThread([this] { Work(); });
  jobs_.push_back(std::move(job));
  changed_.NotifyAll();
}

std::shared_ptr<Background::Job> Background::Next() {
  engine::MutexLock lock(mutex_);
  for (;;) {
    if (stopping_) return nullptr;
    const auto now = ReplyTask::Clock::now();
    auto earliest = ReplyTask::Clock::time_point::max();
    for (const std::shared_ptr<Job>& job : jobs_) {
      if (job->woken || job->next <= now) {
        job->woken = false;
        return job;
      }
      earliest = std::min(earliest, job->next);
    }
    if (earliest == ReplyTask::Clock::time_point::max())
      changed_.Wait(lock);
    else
      changed_.WaitUntil(lock, earliest);
  }
}

void Background::Advance(Job& job) {
  NoReader nobody;
  std::optional<ReplyTask::Clock::time_point> next;
  try {
    next = job.task->Advance(job.reply, nobody);
  } catch (const std::exception& error) {
    UnlessScarce([&] { LogError(std::string("an answer in the background failed: ") + error.what()); });
  }
  if (!next && job.done) UnlessScarce([&] { job.done(*job.reply.access); });
  const engine::MutexLock lock(mutex_);
  if (next)
    job.next = *next;
  else
    jobs_.remove_if([&](const std::shared_ptr<Job>& other) { return other.get() == &job; });
  changed_.NotifyAll();
}

void Background::Work() {
  while (const std::shared_ptr<Job> job = Next()) Advance(*job);
}

void Background::Stop(std::chrono::milliseconds patience) {
  std::thread thread;
  {
    engine::MutexLock lock(mutex_);
    const auto deadline = ReplyTask::Clock::now() + patience;
    while (!jobs_.empty() && ReplyTask::Clock::now() < deadline) changed_.WaitUntil(lock, deadline);
    stopping_ = true;
    changed_.NotifyAll();
    thread = std::move(thread_);
  }
  if (thread.joinable()) thread.join();
  std::list<std::shared_ptr<Job>> left;
  {
    const engine::MutexLock lock(mutex_);
    left.swap(jobs_);
  }
}

}  // namespace puna::server
