// What all connections of one server share.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "config/server_config.h"
#include "engine/base/mutex.h"
#include "server/http/access_log.h"
#include "server/http/dispatcher.h"
#include "server/http/event_loop.h"
#include "server/http/reply_bytes.h"
#include "server/http/request_framer.h"
#include "server/http/request_memory.h"
#include "server/http/tls.h"
#include "server/http/trusted_proxies.h"
#include "server/http/worker_pool.h"

namespace puna::server {

struct HttpContext {
  HttpContext(const config::ServerConfig& c, size_t num_workers, Dispatcher d)
      : config(c), pool(num_workers), dispatcher(std::make_shared<const Dispatcher>(std::move(d))) {
    limits.body = size_t{1} * c.max_body_mib << 20;
  }
  // Where the operator has not said, somebody has looked at the machine before (serve); in tests there is plenty.
  static size_t MemoryOf(const config::ServerConfig& c) {
    return c.max_request_memory_mib > 0 ? size_t{1} * c.max_request_memory_mib << 20 : size_t{2} << 30;
  }

  std::shared_ptr<const Dispatcher> Current() const {
    const engine::MutexLock lock(mutex);
    return dispatcher;
  }

  std::shared_ptr<const TlsContext> CurrentTls() const {
    const engine::MutexLock lock(mutex);
    return tls;
  }

  const config::ServerConfig config;
  const TrustedProxies proxies{config.trusted_proxies};
  FramingLimits limits;
  RequestMemory memory{MemoryOf(config)};
  const std::string no_memory = ErrorReply(ToError(NoMemory()));  // made while there is some
  EventLoop loop;
  WorkerPool pool;
  std::function<void(const AccessLine&)> observer;  // set before Serve
  std::atomic<bool> stopping{false};                // no connection stays open behind its reply
  std::atomic<int> open{0};                         // connections
  std::atomic<uint64_t> cut{0};                     // of clients that took too long
  std::atomic<uint64_t> accept_errors{0};

  mutable engine::Mutex mutex;
  std::shared_ptr<const Dispatcher> dispatcher PUNA_GUARDED_BY(mutex);
  std::shared_ptr<const TlsContext> tls PUNA_GUARDED_BY(mutex);  // null: plain
};

}  // namespace puna::server
