// A service over a fake model and a tokenizer of bytes, for tests of handlers without a checkpoint.
#pragma once

#include <condition_variable>
#include <ctime>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "server/generate/service.h"
#include "server/http/http.h"
#include "tests/server/byte_tokenizer.h"
#include "tests/support/fake_model.h"

namespace puna::server {

struct ServiceOptions {
  int max_num_seqs = 4;
  int max_waiting = 4;
  int max_model_len = 256;
  std::chrono::microseconds step_time{0};
  std::function<void()> before_step = {};  // as FakeModelOptions have it
  engine::GenerationConfig generation = {};
  config::ServerConfig config = {};
};

class ServiceFixture {
 public:
  explicit ServiceFixture(ServiceOptions options = {}, std::unique_ptr<engine::Model> model = nullptr)
      : config_(options.config),
        service(new Service{.config = config_,
                            .model_name = "fake",
                            .created = 1,
                            .tokenizer = ByteTokenizer(),
                            .chat = std::nullopt,
                            .generation = options.generation,
                            .end_ids = {kEnd},
                            .capacity = options.max_num_seqs + options.max_waiting,
                            .engine = MakeEngine(options, std::move(model))}) {
    service->grammars = std::make_unique<GrammarStore>(service->tokenizer, kPythonTag + 1);
  }

  static std::unique_ptr<engine::Model> MakeModel(std::chrono::microseconds step_time = {},
                                                  std::function<void()> before_step = {}) {
    engine::FakeModelOptions model;
    model.vocab_size = kPythonTag + 1;
    model.step_time = step_time;
    model.before_step = std::move(before_step);
    return std::make_unique<engine::FakeModel>(model);
  }

 private:
  static std::unique_ptr<engine::Engine> MakeEngine(const ServiceOptions& options,
                                                    std::unique_ptr<engine::Model> model) {
    engine::EngineOptions engine;
    engine.num_blocks = 256;
    engine.max_num_seqs = options.max_num_seqs;
    engine.max_waiting = options.max_waiting;
    engine.max_model_len = options.max_model_len;
    engine.speculation = false;
    if (!model) model = MakeModel(options.step_time, options.before_step);
    return std::make_unique<engine::Engine>(std::move(model), engine);
  }

  config::ServerConfig config_;

 public:
  std::unique_ptr<Service> service;
};

inline HttpRequest Post(const std::string& body) {
  HttpRequest request;
  request.id = "id";
  request.method = "POST";
  request.body = body;
  request.header = [](const std::string&) { return std::string(); };
  return request;
}

// Keeps what is written; the client leaves after `limit` writes, or when it has been asked after so often.
class MemorySink : public ByteSink {
 public:
  explicit MemorySink(int limit = 1 << 30, int asks = 1 << 30) : left_(limit), asks_(asks) {}
  bool Write(std::string_view bytes) override {
    if (left_ <= 0) return false;
    --left_;
    text += bytes;
    return true;
  }
  bool client_gone() override { return left_ <= 0 || --asks_ < 0; }

  std::string text;

 private:
  int left_, asks_;
};

// Lets one thread wait until others call.
class Bell {
 public:
  void Ring() {
    const std::lock_guard lock(mutex_);
    rung_ = true;
    condition_.notify_one();
  }
  void WaitUntil(ReplyTask::Clock::time_point latest) {
    std::unique_lock lock(mutex_);
    const auto rung = [this] { return rung_; };
    if (latest == ReplyTask::Clock::time_point::max())
      condition_.wait(lock, rung);
    else
      condition_.wait_until(lock, latest, rung);
    rung_ = false;
  }

 private:
  std::mutex mutex_;
  std::condition_variable condition_;
  bool rung_ = false;
};

// Does with a reply what a connection does, until it is complete or its client has left. Throws what its task throws.
inline void Finish(HttpReply& reply, ByteSink& sink) {
  const std::unique_ptr<ReplyTask> task = std::move(reply.stream ? reply.stream : reply.later);
  if (!task) return;
  const auto bell = std::make_shared<Bell>();
  task->Start([bell] { bell->Ring(); });
  while (const auto next = task->Advance(reply, sink)) bell->WaitUntil(*next);
}

inline void Finish(HttpReply& reply) {
  MemorySink sink;
  Finish(reply, sink);
}

}  // namespace puna::server
