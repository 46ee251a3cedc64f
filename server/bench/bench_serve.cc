#include "server/bench/bench_serve.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <nlohmann/json.hpp>

#include "server/bench/traffic_player.h"
#include "server/bench/traffic_report.h"

namespace puna::server {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kChartColumns = 40;

double Rounded(double ms) { return std::round(ms * 1000) / 1000; }

Json ToJson(const Percentiles& p) {
  if (p.count == 0) return nullptr;
  return {{"count", p.count},
          {"p50", Rounded(p.p50)},
          {"p90", Rounded(p.p90)},
          {"p99", Rounded(p.p99)},
          {"max", Rounded(p.max)}};
}

template <typename T>
Json OrNull(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json ToJson(const TrafficSample& s) {
  Json gaps = Json::array();
  for (size_t i = 1; i < s.chunk_s.size(); ++i) gaps.push_back(Rounded((s.chunk_s[i] - s.chunk_s[i - 1]) * 1000));
  return {{"kind", s.kind},
          {"session", s.session},
          {"turn", s.turn},
          {"sent_s", Rounded(s.sent_s)},
          {"first_token_ms", s.chunk_s.empty() ? Json(nullptr) : Json(Rounded((s.chunk_s[0] - s.sent_s) * 1000))},
          {"whole_answer_ms", Rounded((s.end_s - s.sent_s) * 1000)},
          {"gaps_ms", gaps},
          {"prompt_tokens", OrNull(s.prompt_tokens)},
          {"cached_tokens", OrNull(s.cached_tokens)},
          {"output_tokens", s.output_tokens},
          {"status", s.status},
          {"error", s.error.empty() ? Json(nullptr) : Json(s.error)}};
}

Json ToJson(const TrafficOptions& o) {
  Json json = {{"scenario", o.scenario}, {"requests", o.requests}, {"seed", o.seed}};
  if (o.scenario == "chat") json["rate"] = o.rate;
  if (o.scenario != "chat") json["parallel"] = o.parallel;
  json["prompt_tokens"] = o.prompt_tokens;
  if (o.scenario == "agents")
    json.update({{"turns", o.turns}, {"system_tokens", o.system_tokens}, {"tool_tokens", o.tool_tokens}});
  if (o.scenario == "long") json["long_tokens"] = o.long_tokens;
  return json;
}

void PrintJson(const ServeBenchOptions& options, const TrafficReport& r, const std::vector<TrafficSample>& samples) {
  Json json = {{"url", options.target.url}, {"model", options.target.model}};
  json["load"] = ToJson(options.traffic);
  json["load"]["max_tokens"] = options.target.max_tokens;
  json.update({{"planned", r.planned},
               {"sent", r.sent},
               {"answered", r.answered},
               {"failed", r.failed},
               {"seconds", Rounded(r.seconds)},
               {"output_tokens", r.output_tokens},
               {"output_tokens_counted", r.output_counted},
               {"output_tokens_per_s", Rounded(r.output_tokens_per_s)},
               {"requests_per_s", Rounded(r.requests_per_s)}});
  json["first_token_ms"] = ToJson(r.first_token);
  json["gap_ms"] = ToJson(r.gap);
  json["per_output_token_ms"] = ToJson(r.per_output_token);
  json["whole_answer_ms"] = ToJson(r.whole_answer);
  json["cache"] = nullptr;
  if (r.cache_reported) json["cache"] = {{"prompt_tokens", r.prompt_tokens}, {"cached_tokens", r.cached_tokens}};
  if (r.long_prompt) {
    json["long_prompt"] = {{"first_token_alone_ms", OrNull(r.long_prompt->first_token_alone_ms)},
                           {"first_token_among_ms", OrNull(r.long_prompt->first_token_among_ms)},
                           {"gap_quiet_ms", ToJson(r.long_prompt->gap_quiet_ms)},
                           {"gap_beside_ms", ToJson(r.long_prompt->gap_beside_ms)}};
  }
  json["errors"] = Json::object();
  for (const auto& [name, error] : r.errors)
    json["errors"][name] = {{"count", error.count}, {"example", error.example}};
  json["requests"] = Json::array();
  for (const TrafficSample& s : samples) json["requests"].push_back(ToJson(s));
  std::puts(json.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
}

void PrintRow(const char* name, const Percentiles& p) {
  if (p.count == 0) return;
  std::printf("%-20s %10.1f %10.1f %10.1f %10.1f\n", name, p.p50, p.p90, p.p99, p.max);
}

void PrintLong(const LongFigures& figures) {
  std::printf("\nlong prompt  first token");
  if (figures.first_token_alone_ms) std::printf(" alone %.1f ms,", *figures.first_token_alone_ms);
  if (figures.first_token_among_ms) {
    std::printf(" among short streams %.1f ms", *figures.first_token_among_ms);
  } else {
    std::printf(" among short streams: none");
  }
  std::printf("\n\n%-20s %10s %10s %10s %10s\n", "short streams, ms", "p50", "p90", "p99", "max");
  PrintRow("gap, quiet", figures.gap_quiet_ms);
  PrintRow("gap, beside it", figures.gap_beside_ms);
}

void PrintTable(const ServeBenchOptions& options, const TrafficReport& r) {
  std::printf("%s on %s%s%s: %d of %d requests answered, %d failed, %d not sent; %.1f s\n\n",
              options.traffic.scenario.c_str(), options.target.url.c_str(), options.target.model.empty() ? "" : ", ",
              options.target.model.c_str(), r.answered, r.planned, r.failed, r.planned - r.sent, r.seconds);
  if (r.answered > 0) {
    std::printf("%-20s %10s %10s %10s %10s\n", "milliseconds", "p50", "p90", "p99", "max");
    PrintRow("first token", r.first_token);
    PrintRow("gap between pieces", r.gap);
    PrintRow("per output token", r.per_output_token);
    PrintRow("whole answer", r.whole_answer);
    std::printf("\nthroughput   %.1f output tokens/s%s, %.2f requests/s\n", r.output_tokens_per_s,
                r.output_counted ? " (pieces counted: no usage was sent)" : "", r.requests_per_s);
    if (r.cache_reported) {
      std::printf(
          "cache        %.1f %% of %lld prompt tokens\n",
          100.0 * static_cast<double>(r.cached_tokens) / static_cast<double>(std::max<int64_t>(1, r.prompt_tokens)),
          static_cast<long long>(r.prompt_tokens));
    } else {
      std::printf("cache        the server does not say\n");
    }
  }
  if (r.long_prompt) PrintLong(*r.long_prompt);
  if (isatty(STDOUT_FILENO) != 0 && !r.first_token_ms.empty())
    std::printf("\nfirst token, up to\n%s", Chart(r.first_token_ms, kChartColumns).c_str());
  for (const auto& [name, error] : r.errors)
    std::printf("\nerror        %d x %s: %s", error.count, name.c_str(), error.example.c_str());
  if (!r.errors.empty()) std::printf("\n");
}

using O = ServeBenchOptions;

config::OptionTable<O>::Rows TargetRows() {
  using T = BenchTarget;
  return {
      {"url", "Server", "URL", "the server, with or without /v1", config::TextAt<&O::target, &T::url>(UrlError)},
      {"model", "Server", "NAME", "name to ask for; empty: the server's first",
       config::TextAt<&O::target, &T::model>()},
      {"api_key", "Server", "KEY", "key to send; empty: that of PUNA_BENCH_API_KEY, which keeps it out of ps",
       config::TextAt<&O::target, &T::api_key>()},
      {"max_tokens", "Server", "N", "longest answer", config::IntegerAt<&O::target, &T::max_tokens>(1, 1 << 20)},
      {"temperature", "Server", "X", "0: the likeliest token", config::NumberAt<&O::target, &T::temperature>(0, 2)},
      {"ignore_eos", "Server", "", "ask for answers of full length (puna, llama-server and vLLM know how)",
       config::SwitchAt<&O::target, &T::ignore_eos>()},
  };
}

template <auto kMember>
auto Traffic(int min, int max) {
  return config::IntegerAt<&O::traffic, kMember>(min, max);
}

config::OptionTable<O>::Rows TrafficRows() {
  using T = TrafficOptions;
  return {
      {"scenario", "Load", "NAME",
       "chat: single questions, Poisson arrivals; agents: conversations with one system prompt; long: a long prompt "
       "among "
       "short streams",
       config::ChoiceAt<&O::traffic, &T::scenario>({"chat", "agents", "long"})},
      {"requests", "Load", "N", "requests in all", Traffic<&T::requests>(1, 100000)},
      {"parallel", "Load", "N", "agents, or short streams, at once", Traffic<&T::parallel>(1, 1024)},
      {"rate", "Load", "N", "chat: arrivals per second", config::NumberAt<&O::traffic, &T::rate>(0.001, 10000)},
      {"turns", "Load", "N", "agents: requests of one conversation", Traffic<&T::turns>(1, 1000)},
      {"prompt_tokens", "Load", "N", "what a user says, about (chat: half to one and a half of it)",
       Traffic<&T::prompt_tokens>(1, 1 << 20)},
      {"system_tokens", "Load", "N", "agents: the shared system prompt, about", Traffic<&T::system_tokens>(1, 1 << 20)},
      {"tool_tokens", "Load", "N", "agents: each result of a tool, about", Traffic<&T::tool_tokens>(1, 1 << 20)},
      {"long_tokens", "Load", "N", "long: the long prompt, about", Traffic<&T::long_tokens>(1, 1 << 20)},
      {"seed", "Load", "N", "of texts and arrivals; a server that is asked again with the same seed may have cached it",
       Traffic<&T::seed>(0, std::numeric_limits<int>::max())},
  };
}

}  // namespace

const char kServeBenchText[] =
    R"(replays a load against any server that speaks OpenAI's protocol.

  puna bench serve --scenario agents --parallel 8
  puna bench serve --url http://127.0.0.1:9000 --scenario long --parallel 4 --json
)";

const config::OptionTable<ServeBenchOptions>& ServeBenchTable() {
  static const config::OptionTable<O> table = {
      TargetRows(),
      TrafficRows(),
      {
          {"timeout", "Output", "SECONDS", "of the whole run; what runs then is cut off",
           config::NumberAt<&O::timeout_s>(0.1, 86400)},
          {"json", "Output", "", "print one JSON object, with every request", config::SwitchAt<&O::json>()},
      }};
  return table;
}

int RunServeBench(ServeBenchOptions options) {
  if (const char* key = std::getenv("PUNA_BENCH_API_KEY"); key != nullptr && options.target.api_key.empty())
    options.target.api_key = key;
  const TrafficPlan plan = PlanTraffic(options.traffic);
  if (options.target.model.empty()) options.target.model = FirstModel(options.target);
  const bool terminal = isatty(STDERR_FILENO) != 0;
  const int planned = plan.Requests();
  const RunClock clock(options.timeout_s);
  const std::vector<TrafficSample> samples = PlayTraffic(
      plan, clock,
      [&](const auto& messages, TrafficSample& sample, const auto& on_piece) {
        Ask(options.target, clock, messages, sample, on_piece);
      },
      [&](int ended) {
        if (terminal) std::fprintf(stderr, "\r\033[K%d of %d requests", ended, planned);
      });
  if (terminal) std::fputs("\r\033[K", stderr);
  const TrafficReport report = ReportTraffic(samples, planned, options.traffic.parallel);
  options.json ? PrintJson(options, report, samples) : PrintTable(options, report);
  return report.answered > 0 ? 0 : 1;
}

}  // namespace puna::server
