// One request and its reply, between the event loop, which owns the connection, and the workers, which compute. Its steps run
// one at a time: when the head is there, when the body is, and whenever something of the answer has come.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "engine/base/mutex.h"
#include "server/http/http.h"
#include "server/http/http_context.h"
#include "server/http/reply_bytes.h"
#include "server/http/request_head.h"

namespace puna::server {
class KeyAccount;
}
namespace httplib {
struct Request;
}

namespace puna::server {

class Exchange final : public WorkerPool::Task, public std::enable_shared_from_this<Exchange> {
 public:
  using Clock = std::chrono::steady_clock;

  struct Origin {
    RequestHead head;                   // what there is of it, beside a fault
    std::optional<FramingFault> fault;  // then the reply says so, and no handler is asked
    bool in_reserve = false;            // all places are taken: only probes are answered
    std::string peer;                   // the client's address, without its port
  };
  // `bell` is posted to the loop by workers when Take has something new.
  Exchange(std::shared_ptr<HttpContext> context, Origin origin, std::shared_ptr<EventLoop::Notice> bell);
  ~Exchange() override;

  // By the loop. Begin once; GiveBody once, before or after it, when the head says that there is one.
  void Begin() { Wake(); }
  void GiveBody(std::string body);
  void Fail(FramingFault fault);  // of the body, while it is waited for
  // So many bytes have come of a body whose size nobody knew before. False: there is no memory for more, and it fails.
  bool Grow(size_t body_bytes);
  void ClientLeft();  // the answer is for nobody
  // So many bytes wait for the client to take them. While they are many, nothing more is made.
  void TellUnsent(size_t bytes);

  struct Output {
    std::string bytes;
    bool wants_body = false;  // the head is in order; told once
    bool in_stream = false;   // the head of the reply is out, its body is not
    bool is_sse = false;      // comments may stand in it
    bool ended = false;       // nothing follows; keep_alive says what becomes of the connection
    bool keep_alive = false;
    bool broken = false;                     // the reply cannot be ended: the connection must be cut
    bool unsaid = false;                     // and that is for want of memory, before anything of it was said
    std::optional<Clock::time_point> again;  // to be woken by then
    std::shared_ptr<KeyAccount> account;     // of the key that the request has; null: none
  };
  Output Take();
  // The reply of which nothing has been sent is lost, for want of memory: what there is to say instead. Empty: nothing is left.
  std::string TakeSpare();

  void Wake();  // from any thread, and without taking memory: there may be something to do

 private:
  enum class Phase { kHead, kBody, kTask, kEnded };
  class Sink;
  struct Input {
    std::optional<std::string> body;
    std::optional<FramingFault> fault;
    bool left = false;
    size_t unsent = 0;
  };

  void Run() override;
  void Step();
  void GiveUp(const char* why) noexcept;
  bool RefuseForMemory() noexcept;
  Input TakeInput();
  void ReadHead(Input& input);
  std::optional<FramingFault> TakeMemory(size_t bytes, const char* of = "A body");
  void TakeMore(size_t bytes);
  void ReadRequest(const httplib::Request& parsed);
  void MakeSpare();
  void Answer(std::string body);
  void Advance(const Input& input);
  void StartTask();
  void Refuse(const FramingFault& fault);
  void Fill(const std::function<void()>& fill);
  void SendWhole();
  void EndStream(bool whole);
  void End(bool keep_alive, bool broken);
  void EndForNobody();
  void Emit(std::string_view bytes);
  bool KeepsAlive() const;

  const std::shared_ptr<HttpContext> context_;
  const std::shared_ptr<EventLoop::Notice> bell_;
  const Clock::time_point start_ = Clock::now();
  Origin origin_;
  RequestMemory::Share memory_{context_->memory};

  // Of the worker that steps.
  Phase phase_ = Phase::kHead;
  std::shared_ptr<const Dispatcher> dispatcher_;
  const Handler* handler_ = nullptr;
  HttpRequest request_;
  HttpReply reply_;
  ReplyFrame frame_;
  std::unique_ptr<ReplyTask> task_;
  size_t body_bytes_ = 0;  // unpacked
  size_t more_bytes_ = 0;  // of what it names
  size_t base_bytes_ = 0;  // of memory, beside what the client has not taken yet
  bool streams_ = false;

  engine::Mutex mutex_;
  Input input_ PUNA_GUARDED_BY(mutex_);
  Output output_ PUNA_GUARDED_BY(mutex_);
  // The whole reply that says that there is no memory, in the form that the client reads: made while there is some.
  std::string spare_ PUNA_GUARDED_BY(mutex_);
  bool said_ PUNA_GUARDED_BY(mutex_) = false;       // something of the reply
  bool quick_ PUNA_GUARDED_BY(mutex_);              // the lane of the next step
  bool woken_ PUNA_GUARDED_BY(mutex_) = false;      // there may be something to do
  bool scheduled_ PUNA_GUARDED_BY(mutex_) = false;  // a worker has it, or will
  bool changed_ PUNA_GUARDED_BY(mutex_) = false;    // the output, since the loop was told
  bool notified_ PUNA_GUARDED_BY(mutex_) = false;   // the loop has been told, and has not taken it
};

}  // namespace puna::server
