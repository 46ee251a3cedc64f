#include <algorithm>
#include <chrono>
#include <cstring>
#include <nlohmann/json.hpp>
#include <random>
#include <span>
#include <stdexcept>

#include "server/bench/bench_stream.h"
#include "server/bench/replay.h"

namespace puna::server {
namespace {

using nlohmann::ordered_json;

constexpr int kVersion = 1;
constexpr int kNumLogprobs = 2;
constexpr size_t kTogether = 16;  // requests in the engine at once

ordered_json ToJson(const RecordedRequest& r) {
  const engine::SamplingParams& s = r.sampling;
  return {{"prompt", r.prompt},
          {"temperature", s.temperature},
          {"top_p", s.top_p},
          {"top_k", s.top_k},
          {"repetition_penalty", s.repetition_penalty},
          {"frequency_penalty", s.frequency_penalty},
          {"seed", s.seed},
          {"new_tokens", r.new_tokens},
          {"ids", r.ids},
          {"logprobs", r.logprobs}};
}

RecordedRequest RequestOf(const ordered_json& json) {
  RecordedRequest r;
  json.at("prompt").get_to(r.prompt);
  json.at("temperature").get_to(r.sampling.temperature);
  json.at("top_p").get_to(r.sampling.top_p);
  json.at("top_k").get_to(r.sampling.top_k);
  json.at("repetition_penalty").get_to(r.sampling.repetition_penalty);
  json.at("frequency_penalty").get_to(r.sampling.frequency_penalty);
  json.at("seed").get_to(r.sampling.seed);
  json.at("new_tokens").get_to(r.new_tokens);
  json.at("ids").get_to(r.ids);
  json.at("logprobs").get_to(r.logprobs);
  return r;
}

RecordedRun HeadOf(const ordered_json& json) {
  if (json.at("puna_replay") != kVersion) throw std::runtime_error("it is of another version of puna replay");
  RecordedRun run;
  json.at("model").get_to(run.model);
  json.at("weights").get_to(run.weights);
  json.at("kv_cache_dtype").get_to(run.kv_cache_dtype);
  json.at("fingerprint").get_to(run.fingerprint);
  json.at("isa").get_to(run.isa);
  json.at("processor").get_to(run.processor);
  return run;
}

engine::TokenReader Submit(engine::Engine& engine, const RecordedRequest& r) {
  engine::Request request;
  request.prompt = r.prompt;
  request.sampling = r.sampling;
  request.stop.max_new_tokens = r.new_tokens;
  request.stop.ignore_eos = true;
  request.num_logprobs = kNumLogprobs;
  auto reader = engine.Submit(std::move(request));
  if (!reader) throw std::runtime_error("replay: the engine took no request");
  return std::move(*reader);
}

// Reads one answer to its end.
void ReadAnswer(engine::TokenReader& reader, RecordedRequest& r) {
  for (;;) {
    for (const engine::TokenEvent& event : reader.Wait(std::chrono::seconds(1))) {
      if (event.kind == engine::TokenEvent::Kind::kToken) {
        r.ids.push_back(event.id);
        std::vector<float>& logprobs = r.logprobs.emplace_back();
        logprobs.push_back(event.logprobs->logprob);
        for (const engine::TokenLogprob& top : event.logprobs->top) logprobs.push_back(top.logprob);
      }
      if (event.kind != engine::TokenEvent::Kind::kEnd) continue;
      if (event.finish->reason == engine::FinishReason::kError) throw std::runtime_error(event.finish->error);
      return;
    }
  }
}

bool SameBits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

}  // namespace

std::string ToText(const RecordedRun& run) {
  const ordered_json head = {{"puna_replay", kVersion},        {"model", run.model},
                             {"weights", run.weights},         {"kv_cache_dtype", run.kv_cache_dtype},
                             {"fingerprint", run.fingerprint}, {"isa", run.isa},
                             {"processor", run.processor}};
  std::string text = head.dump() + '\n';
  for (const RecordedRequest& request : run.requests) text += ToJson(request).dump() + '\n';
  return text;
}

RecordedRun ParseRun(std::string_view text) {
  RecordedRun run;
  for (int number = 1; !text.empty(); ++number) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    try {
      const ordered_json json = ordered_json::parse(line);
      if (number == 1)
        run = HeadOf(json);
      else
        run.requests.push_back(RequestOf(json));
    } catch (const std::exception& e) {
      throw std::runtime_error("line " + std::to_string(number) +
                               " is none that puna replay --record writes: " + e.what());
    }
  }
  if (run.requests.empty()) throw std::runtime_error("there is no request in it");
  return run;
}

std::vector<RecordedRequest> MakeRequests(int count, int new_tokens, int vocab_size, unsigned seed) {
  std::mt19937 rng(seed);
  std::vector<RecordedRequest> requests(static_cast<size_t>(count));
  for (size_t i = 0; i < requests.size(); ++i) {
    RecordedRequest& r = requests[i];
    if (i % 4 == 3) r.prompt = requests[i - 1].prompt;
    const std::vector<engine::TokenId> more = RandomIds(1 + static_cast<int>(rng() % 200), vocab_size, rng);
    r.prompt.insert(r.prompt.end(), more.begin(), more.end());
    r.new_tokens = new_tokens;
    r.sampling.seed = rng();
    r.sampling.temperature = i % 2 == 0 ? 0.0f : 0.9f;
    if (i % 3 == 1) r.sampling.top_p = 0.95f;
    if (i % 3 == 2) r.sampling.repetition_penalty = 1.1f;
    if (i % 5 == 4) r.sampling.frequency_penalty = 0.5f;
  }
  return requests;
}

void Answer(engine::Engine& engine, std::vector<RecordedRequest>& requests) {
  for (size_t first = 0; first < requests.size(); first += kTogether) {
    const auto some = std::span(requests).subspan(first, std::min(kTogether, requests.size() - first));
    std::vector<engine::TokenReader> readers;
    for (const RecordedRequest& r : some) readers.push_back(Submit(engine, r));
    for (size_t i = 0; i < some.size(); ++i) {
      some[i].ids.clear();
      some[i].logprobs.clear();
      ReadAnswer(readers[i], some[i]);
    }
  }
}

std::string FirstDifference(const RecordedRequest& recorded, const RecordedRequest& now) {
  const size_t count = std::min(recorded.ids.size(), now.ids.size());
  for (size_t i = 0; i < count; ++i) {
    const std::string where = "token " + std::to_string(i);
    if (i < recorded.logprobs.size() && !SameBits(recorded.logprobs[i], now.logprobs[i]))
      return where + " has other log-probabilities";
    if (recorded.ids[i] != now.ids[i])
      return where + " is " + std::to_string(now.ids[i]) + " instead of " + std::to_string(recorded.ids[i]);
  }
  if (recorded.ids.size() == now.ids.size()) return "";
  return "it has " + std::to_string(now.ids.size()) + " tokens instead of " + std::to_string(recorded.ids.size());
}

}  // namespace puna::server
