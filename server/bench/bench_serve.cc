#include "server/bench/bench_serve.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
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

void AddTraffic(CLI::App& app, TrafficOptions& o) {
  const auto number = [&](const char* name, int& value, int from, int to, const char* what) {
    app.add_option(name, value, what)->check(CLI::Range(from, to))->capture_default_str();
  };
  app.add_option("--scenario", o.scenario,
                 "chat: single questions, Poisson arrivals; agents: conversations with one system "
                 "prompt; long: a long prompt\namong short streams")
      ->check(CLI::IsMember({"chat", "agents", "long"}))
      ->capture_default_str();
  number("--requests", o.requests, 1, 100000, "requests in all");
  number("--parallel", o.parallel, 1, 1024, "agents, or short streams, at once");
  app.add_option("--rate", o.rate, "chat: arrivals per second")
      ->check(CLI::Range(0.001, 10000.0))
      ->capture_default_str();
  number("--turns", o.turns, 1, 1000, "agents: requests of one conversation");
  number("--prompt-tokens", o.prompt_tokens, 1, 1 << 20,
         "what a user says, about (chat: half to one and a half of it)");
  number("--system-tokens", o.system_tokens, 1, 1 << 20, "agents: the shared system prompt, about");
  number("--tool-tokens", o.tool_tokens, 1, 1 << 20, "agents: each result of a tool, about");
  number("--long-tokens", o.long_tokens, 1, 1 << 20, "long: the long prompt, about");
  app.add_option("--seed", o.seed,
                 "of texts and arrivals; a server that is asked again with the same seed may have "
                 "cached it")
      ->capture_default_str();
}

}  // namespace

CLI::App* AddServeBench(CLI::App& bench, ServeBenchOptions& options) {
  CLI::App* app =
      bench.add_subcommand("serve",
                           "replay a load against any server that speaks OpenAI's protocol\n\n"
                           "  puna bench serve --scenario agents --parallel 8\n"
                           "  puna bench serve --url http://127.0.0.1:9000 --scenario long --parallel 4 --json");
  BenchTarget& target = options.target;
  app->add_option("--url", target.url, "the server, with or without /v1")
      ->check(CLI::Validator([](const std::string& url) { return UrlError(url); }, "URL"))
      ->capture_default_str();
  app->add_option("--model", target.model, "name to ask for; default: the server's first");
  app->add_option("--api-key", target.api_key, "key to send (the variable keeps it out of ps)")
      ->envname("PUNA_BENCH_API_KEY");
  AddTraffic(*app, options.traffic);
  app->add_option("--max-tokens", target.max_tokens, "longest answer")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  app->add_option("--temperature", target.temperature, "0: the likeliest token")
      ->check(CLI::Range(0.0, 2.0))
      ->capture_default_str();
  app->add_flag("--ignore-eos", target.ignore_eos,
                "ask for answers of full length (puna, llama-server and vLLM know how)");
  app->add_option("--timeout", options.timeout_s, "seconds of the whole run; what runs then is cut off")
      ->check(CLI::Range(0.1, 86400.0))
      ->capture_default_str();
  app->add_flag("--json", options.json, "print one JSON object, with every request");
  return app;
}

int RunServeBench(ServeBenchOptions options) {
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
