// How an exchange ends: with its reply, with a refusal, or for nobody.
#include <exception>
#include <new>
#include <utility>

#include "api/json/error.h"
#include "server/host/log.h"
#include "server/http/exchange.h"
#include "server/http/key_account.h"

namespace puna::server {
namespace {

constexpr int kClientClosedRequest = 499;  // nginx's number; nobody reads it but the log
constexpr int kNoMemoryStatus = 503;

}  // namespace

void Exchange::Refuse(const FramingFault& fault) {
  if (request_.id.empty()) {
    const std::string* id = origin_.head.Find("X-Request-Id");
    reply_.access->id = RequestId(id != nullptr ? *id : "");
    reply_.access->method = origin_.head.method;
    reply_.access->path = PathOf(origin_.head, context_->config.path_prefix);
    reply_.access->client = context_->proxies.ClientOf(origin_.peer, origin_.head);
    request_.header = [this](const std::string& name) {
      const std::string* value = origin_.head.Find(name);
      return value != nullptr ? *value : "";
    };
    request_.path = reply_.access->path;
    request_.id = reply_.access->id;
    SetErrorForm(request_, reply_);
    context_->Current()->AllowOrigin(request_, reply_);
  }
  Fill([&] { throw ToError(fault); });
  origin_.head.keep_alive = false;
  SendWhole();
}

bool Exchange::KeepsAlive() const {
  // A client that waits for "100 Continue" may send its body behind a refusal or not: nobody can tell.
  const bool body_unclear = origin_.head.expects_continue && handler_ == nullptr;
  return origin_.head.keep_alive && !origin_.in_reserve && !body_unclear && !context_->stopping;
}

void Exchange::SendWhole() {
  frame_.keep_alive = KeepsAlive();
  Emit(WholeReply(reply_, frame_));
  reply_.body = {};
  End(frame_.keep_alive, /*broken=*/false);
}

void Exchange::EndStream(bool whole) {
  std::string end;
  if (whole && !frame_.head_only) AppendStreamEnd(frame_, end);
  Emit(end);
  End(frame_.keep_alive, /*broken=*/!whole);
}

void Exchange::EndForNobody() {
  if (!streams_) reply_.status = kClientClosedRequest;
  if (reply_.access->finish.empty()) reply_.access->finish = "client left";
  End(/*keep_alive=*/false, /*broken=*/true);
}

// Where there is no memory for a line or a count, there is none, and the request ends all the same.
void Exchange::End(bool keep_alive, bool broken) {
  if (std::exchange(phase_, Phase::kEnded) == Phase::kEnded) return;
  task_.reset();
  AccessLine& line = *reply_.access;
  line.status = reply_.status;
  line.seconds = std::chrono::duration<double>(Clock::now() - start_).count();
  try {
    LogRequest(line);
  } catch (const std::bad_alloc&) {
  }
  try {
    if (context_->observer) context_->observer(line);
  } catch (const std::bad_alloc&) {
  }
  if (request_.caller.account) request_.caller.account->Note(line);
  request_.caller.place.reset();
  memory_.Set(0);
  const engine::MutexLock lock(mutex_);
  output_.ended = changed_ = true;
  output_.keep_alive = keep_alive;
  output_.broken = broken;
}

void Exchange::Emit(std::string_view bytes) {
  const engine::MutexLock lock(mutex_);
  output_.bytes += bytes;
  said_ = changed_ = true;
}

// The head was still being read: it may do now, what was made of it is gone.
bool Exchange::RefuseForMemory() noexcept {
  try {
    request_ = {};
    Refuse(NoMemory());
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

// There was no memory for the next step. As long as nothing has been said, that can be: what is said was made before.
void Exchange::GiveUp(const char* why) noexcept {
  bool said, unsaid;
  {
    const engine::MutexLock lock(mutex_);
    said = said_;
    unsaid = !said && spare_.empty();
  }
  if (unsaid && RefuseForMemory()) return;
  {
    const engine::MutexLock lock(mutex_);
    if (!said) output_.bytes = std::exchange(spare_, {});
    unsaid = output_.unsaid = !said && output_.bytes.empty();
    said_ = true;
  }
  if (!said) reply_.status = kNoMemoryStatus;
  try {
    reply_.access->error = NoMemory().code;
    LogWarning("request " + reply_.access->id + " was given up: " + why);
  } catch (const std::bad_alloc&) {
  }
  End(/*keep_alive=*/false, /*broken=*/said || unsaid);
}

}  // namespace puna::server
