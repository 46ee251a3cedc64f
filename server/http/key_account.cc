#include "server/http/key_account.h"

#include <algorithm>
#include <cmath>

namespace puna::server {
namespace {

using Clock = std::chrono::steady_clock;

// "1.5s", "2m30s": as Go prints a duration, and OpenAI with it.
std::string Duration(double seconds) {
  const auto tenths = static_cast<int64_t>(std::ceil(std::max(0.0, seconds) * 10));
  std::string text;
  if (tenths >= 600) text = std::to_string(tenths / 600) + "m";
  text += std::to_string(tenths % 600 / 10);
  if (tenths % 10 != 0) text += "." + std::to_string(tenths % 10);
  return text + "s";
}

void DescribeBucket(const TokenBucket& bucket, const std::string& what, Clock::time_point now,
                    KeyAccount::Headers& headers) {
  if (!bucket.limited()) return;
  const auto remaining = static_cast<int64_t>(std::floor(std::max(0.0, bucket.Level(now))));
  headers["x-ratelimit-limit-" + what] = std::to_string(bucket.per_minute());
  headers["x-ratelimit-remaining-" + what] = std::to_string(remaining);
  headers["x-ratelimit-reset-" + what] = Duration(bucket.SecondsUntil(bucket.per_minute(), now));
}

api::ApiError LimitReached(const std::string& type, const std::string& limit, double seconds) {
  const int wait = std::max(1, static_cast<int>(std::ceil(seconds)));
  return api::ApiError(429, type, "rate_limit_exceeded",
                       "This key has reached its limit of " + limit + ". Try again in " + std::to_string(wait) + " s.")
      .WithRetryAfter(wait);
}

}  // namespace

double TokenBucket::Level(Clock::time_point now) const {
  const double seconds = std::chrono::duration<double>(now - at_).count();
  return std::min<double>(per_minute_, level_ + per_minute_ * std::max(0.0, seconds) / 60);
}

void TokenBucket::Resize(int per_minute, Clock::time_point now) {
  const bool was_limited = limited();
  const double level = Level(now);
  level_ = was_limited ? std::min<double>(level, per_minute) : per_minute;
  per_minute_ = per_minute;
  at_ = now;
}

void TokenBucket::Take(double amount, Clock::time_point now) {
  if (!limited()) return;
  level_ = Level(now) - amount;
  at_ = now;
}

double TokenBucket::SecondsUntil(double level, Clock::time_point now) const {
  if (!limited()) return 0;
  return std::max(0.0, (std::min<double>(level, per_minute_) - Level(now)) * 60 / per_minute_);
}

void KeyAccount::SetLimits(const config::ClientKey& key, Clock::time_point now) {
  const engine::MutexLock lock(mutex_);
  requests_.Resize(key.requests_per_minute, now);
  tokens_.Resize(key.tokens_per_minute, now);
  streams_ = key.streams;
}

void KeyAccount::Describe(Headers& headers, Clock::time_point now) const {
  DescribeBucket(requests_, "requests", now, headers);
  DescribeBucket(tokens_, "tokens", now, headers);
}

std::shared_ptr<void> KeyAccount::Admit(Headers& headers, Clock::time_point now) {
  {
    const engine::MutexLock lock(mutex_);
    const std::optional<api::ApiError> refusal = Refusal(now);
    if (!refusal) requests_.Take(1, now);
    Describe(headers, now);
    if (refusal) throw *refusal;
  }
  return Counted(&KeyUsage::in_progress);
}

std::shared_ptr<void> KeyAccount::Wait() { return Counted(&KeyUsage::waiting); }
std::shared_ptr<void> KeyAccount::Connect() { return Counted(&KeyUsage::connections); }

// One more of them, while what is returned lives.
std::shared_ptr<void> KeyAccount::Counted(int KeyUsage::*count) {
  {
    const engine::MutexLock lock(mutex_);
    ++(usage_.*count);
  }
  return {static_cast<void*>(this), [self = shared_from_this(), count](void*) {
            const engine::MutexLock lock(self->mutex_);
            --(self->usage_.*count);
          }};
}

std::optional<api::ApiError> KeyAccount::Refusal(Clock::time_point now) {
  if (streams_ > 0 && usage_.in_progress >= streams_) {
    ++usage_.refused_streams;
    return LimitReached("requests", std::to_string(streams_) + " requests at once", 1);
  }
  if (requests_.limited() && requests_.Level(now) < 1) {
    ++usage_.refused_requests;
    return LimitReached("requests", std::to_string(requests_.per_minute()) + " requests a minute",
                        requests_.SecondsUntil(1, now));
  }
  if (tokens_.limited() && tokens_.Level(now) < 1) {
    ++usage_.refused_tokens;
    return LimitReached("tokens", std::to_string(tokens_.per_minute()) + " tokens a minute",
                        tokens_.SecondsUntil(1, now));
  }
  return std::nullopt;
}

void KeyAccount::Note(const AccessLine& line, Clock::time_point now) {
  const engine::MutexLock lock(mutex_);
  ++usage_.requests;
  Count(line, now);
}

void KeyAccount::NoteLater(const AccessLine& line, Clock::time_point now) {
  const engine::MutexLock lock(mutex_);
  Count(line, now);
}

void KeyAccount::Count(const AccessLine& line, Clock::time_point now) {
  const int prompt = std::max(0, line.prompt_tokens), completion = std::max(0, line.completion_tokens);
  usage_.prompt_tokens += prompt;
  usage_.completion_tokens += completion;
  usage_.queue_seconds += std::max(0.0, line.queue_seconds);
  tokens_.Take(prompt + completion, now);
}

KeyUsage KeyAccount::usage() const {
  const engine::MutexLock lock(mutex_);
  return usage_;
}

std::shared_ptr<KeyAccount> KeyAccounts::Get(const config::ClientKey& key) {
  const engine::MutexLock lock(mutex_);
  std::shared_ptr<KeyAccount>& account = accounts_[key.name];
  if (!account) account = std::make_shared<KeyAccount>(key.name);
  account->SetLimits(key);
  return account;
}

std::vector<KeyUsage> KeyAccounts::usage() const {
  const engine::MutexLock lock(mutex_);
  std::vector<KeyUsage> all;
  for (const auto& [name, account] : accounts_) all.push_back(account->usage());
  return all;
}

}  // namespace puna::server
