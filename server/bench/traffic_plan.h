// What a load consists of, known whole before the first request is sent.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace puna::server {

// Lengths are in words that are one token each for Llama 3's tokenizer, and about one for others.
struct TrafficOptions {
  std::string scenario = "agents";  // chat, agents, long
  int requests = 64;
  int parallel = 8;          // agents, or short streams, at once
  double rate = 2;           // chat: arrivals per second, on average
  int turns = 4;             // agents: requests of one conversation
  int prompt_tokens = 128;   // what a user says; chat: from half to one and a half of it
  int system_tokens = 2048;  // agents: the system prompt that all share
  int tool_tokens = 192;     // agents: each made-up result of a tool
  int long_tokens = 4096;    // long: the long prompt
  uint64_t seed = 1;
};

struct TrafficMessage {
  std::string role;
  std::string content;
  bool operator==(const TrafficMessage&) const = default;
};

// One client: asks, waits for the answer, and asks again with all that was said before.
struct TrafficSession {
  std::string kind;                     // see TrafficSample
  std::vector<TrafficMessage> opening;  // before its first turn
  std::vector<std::string> turns;       // what it says each time
  double at_s = 0;                      // chat: when it arrives, in seconds since the run began
  bool operator==(const TrafficSession&) const = default;
};

struct TrafficPlan {
  std::vector<TrafficSession> alone;     // first, one after another, nothing beside them
  std::vector<TrafficSession> sessions;  // the load
  std::vector<TrafficSession> among;     // once the load's streams are running, beside them
  int parallel = 0;                      // sessions at once; 0: each at its time, however many are running

  int Requests() const;  // of all sessions together
};

// The same options make the same plan, on any machine. Scenarios:
// - chat: Poisson arrivals of single questions without a common prefix;
// - agents: conversations of several turns, `parallel` at once, with one system prompt;
// - long: short streams, `parallel` at once, and one long prompt that arrives among them, after
//   another one of the same length had the server for itself.
// Throws std::runtime_error when the scenario needs more requests than there are.
TrafficPlan PlanTraffic(const TrafficOptions& options);

}  // namespace puna::server
