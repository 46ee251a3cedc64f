// What is counted and limited for each key.
//
// A limit a minute is a bucket: it holds so many, fills evenly within a minute, and never holds more. A request takes one out of
// that of requests, and is refused when there is none. Tokens are known when the request has ended; they are taken out then, and
// while the bucket is empty or owes, no request is taken. So a client may be a request's tokens ahead, and pays for them in time.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/json/error.h"
#include "config/client_key.h"
#include "engine/base/mutex.h"
#include "server/http/access_log.h"

namespace puna::server {

class TokenBucket {
 public:
  using Clock = std::chrono::steady_clock;

  // per_minute: 0 is no limit. What a bucket holds is kept, as far as it fits into the new size.
  void Resize(int per_minute, Clock::time_point now);
  bool limited() const { return per_minute_ > 0; }
  int per_minute() const { return per_minute_; }
  double Level(Clock::time_point now) const;  // below 0 it owes
  void Take(double amount, Clock::time_point now);
  double SecondsUntil(double level, Clock::time_point now) const;

 private:
  int per_minute_ = 0;
  double level_ = 0;
  Clock::time_point at_;  // when it held that
};

// What is known of one key since the start.
struct KeyUsage {
  std::string name;
  uint64_t requests = 0;  // that were answered
  uint64_t refused_requests = 0, refused_tokens = 0, refused_streams = 0;
  uint64_t prompt_tokens = 0, completion_tokens = 0;
  double queue_seconds = 0;
  int in_progress = 0;
  int waiting = 0;      // sequences of theirs that have not been computed yet
  int connections = 0;  // open ones whose last request had this key
};

// From any thread.
class KeyAccount : public std::enable_shared_from_this<KeyAccount> {
 public:
  using Clock = std::chrono::steady_clock;
  using Headers = std::map<std::string, std::string>;

  explicit KeyAccount(const std::string& name) : name_(name) { usage_.name = name; }
  const std::string& name() const { return name_; }

  void SetLimits(const config::ClientKey& key, Clock::time_point now = Clock::now());

  // Takes a request in, or throws api::ApiError (429) with the time after which to try again. Either way `headers` gets
  // x-ratelimit-limit-requests, -remaining- and -reset-, and those of tokens, as far as there are such limits, in OpenAI's form.
  // The request is being answered while what is returned lives.
  std::shared_ptr<void> Admit(Headers& headers, Clock::time_point now = Clock::now());

  // A sequence waits to be computed, or a connection is the key's, while what is returned lives.
  std::shared_ptr<void> Wait();
  std::shared_ptr<void> Connect();

  // A request has been answered.
  void Note(const AccessLine& line, Clock::time_point now = Clock::now());
  // What came of it after it was answered, in the background.
  void NoteLater(const AccessLine& line, Clock::time_point now = Clock::now());

  KeyUsage usage() const;

 private:
  std::shared_ptr<void> Counted(int KeyUsage::*count);
  std::optional<api::ApiError> Refusal(Clock::time_point now) PUNA_REQUIRES(mutex_);
  void Count(const AccessLine& line, Clock::time_point now) PUNA_REQUIRES(mutex_);
  void Describe(Headers& headers, Clock::time_point now) const PUNA_REQUIRES(mutex_);

  const std::string name_;
  mutable engine::Mutex mutex_;
  TokenBucket requests_ PUNA_GUARDED_BY(mutex_), tokens_ PUNA_GUARDED_BY(mutex_);
  int streams_ PUNA_GUARDED_BY(mutex_) = 0;  // 0: no limit
  KeyUsage usage_ PUNA_GUARDED_BY(mutex_);
};

// The accounts of all keys by name. They outlive a reload, so that it gives nobody a new minute. From any thread.
class KeyAccounts {
 public:
  std::shared_ptr<KeyAccount> Get(const config::ClientKey& key);
  std::vector<KeyUsage> usage() const;  // of those that were ever asked for, by name

 private:
  mutable engine::Mutex mutex_;
  std::map<std::string, std::shared_ptr<KeyAccount>> accounts_ PUNA_GUARDED_BY(mutex_);
};

}  // namespace puna::server
