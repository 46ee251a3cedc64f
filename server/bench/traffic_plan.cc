#include "server/bench/traffic_plan.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <random>
#include <stdexcept>

namespace puna::server {
namespace {

// Frequent English words: with the space before it, each is one token for Llama 3.
constexpr const char* kWords[] = {
    "time",   "year",    "people",  "way",     "day",      "man",      "thing",  "woman",  "life",    "child",
    "world",  "school",  "state",   "family",  "group",    "country",  "hand",   "part",   "place",   "case",
    "week",   "company", "system",  "program", "question", "work",     "number", "night",  "point",   "home",
    "water",  "room",    "mother",  "area",    "money",    "story",    "fact",   "month",  "lot",     "right",
    "study",  "book",    "eye",     "job",     "word",     "business", "issue",  "side",   "kind",    "head",
    "house",  "service", "friend",  "father",  "power",    "hour",     "game",   "line",   "end",     "member",
    "law",    "car",     "city",    "name",    "team",     "minute",   "idea",   "body",   "back",    "parent",
    "face",   "level",   "office",  "door",    "health",   "person",   "art",    "war",    "history", "party",
    "result", "change",  "morning", "reason",  "research", "girl",     "guy",    "moment", "air",     "teacher"};

// std::mt19937_64 gives the same numbers everywhere; the standard's distributions do not.
class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  size_t Below(size_t n) { return engine_() % n; }
  double Uniform() { return static_cast<double>(engine_() >> 11) * 0x1p-53; }  // in [0, 1)

  std::string Text(int words) {
    std::string text;
    for (int i = 0; i < words; ++i) {
      if (i > 0) text += ' ';
      text += kWords[Below(std::size(kWords))];
    }
    return text;
  }

 private:
  std::mt19937_64 engine_;
};

TrafficPlan PlanChat(const TrafficOptions& o, Random& random) {
  TrafficPlan plan;
  double at = 0;
  for (int i = 0; i < o.requests; ++i) {
    const int words = std::max<int>(1, o.prompt_tokens / 2 + static_cast<int>(random.Below(o.prompt_tokens + 1)));
    plan.sessions.push_back({"chat", {}, {random.Text(words)}, at});
    at += -std::log1p(-random.Uniform()) / o.rate;  // Poisson: exponential pauses
  }
  return plan;
}

TrafficPlan PlanAgents(const TrafficOptions& o, Random& random) {
  TrafficPlan plan;
  plan.parallel = o.parallel;
  const TrafficMessage system{"system", random.Text(o.system_tokens)};
  for (int left = o.requests; left > 0; left -= o.turns) {
    TrafficSession session{"agent", {system}, {random.Text(o.prompt_tokens)}, 0};
    // As the user's words, not as role "tool": not every model's template has tools.
    for (int turn = 1; turn < std::min(left, o.turns); ++turn)
      session.turns.push_back("Result of the tool: " + random.Text(o.tool_tokens));
    plan.sessions.push_back(std::move(session));
  }
  return plan;
}

TrafficPlan PlanLong(const TrafficOptions& o, Random& random) {
  if (o.requests < 3) {
    throw std::runtime_error(
        "--requests: expected 3 or more for the scenario long (a long prompt alone, one among "
        "short "
        "streams, a short stream), found " +
        std::to_string(o.requests));
  }
  TrafficPlan plan;
  plan.parallel = o.parallel;
  plan.alone.push_back({"long alone", {}, {random.Text(o.long_tokens)}, 0});
  plan.among.push_back({"long", {}, {random.Text(o.long_tokens)}, 0});
  for (int i = 2; i < o.requests; ++i) plan.sessions.push_back({"short", {}, {random.Text(o.prompt_tokens)}, 0});
  return plan;
}

}  // namespace

int TrafficPlan::Requests() const {
  size_t requests = 0;
  for (const auto* list : {&alone, &sessions, &among})
    for (const TrafficSession& session : *list) requests += session.turns.size();
  return static_cast<int>(requests);
}

TrafficPlan PlanTraffic(const TrafficOptions& options) {
  Random random(options.seed);
  if (options.scenario == "chat") return PlanChat(options, random);
  if (options.scenario == "agents") return PlanAgents(options, random);
  if (options.scenario == "long") return PlanLong(options, random);
  throw std::runtime_error("--scenario: expected chat, agents or long, found " + options.scenario);
}

}  // namespace puna::server
