#include "server/commands/serve.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <string>
#include <thread>

#include "engine/kv_cache/block_id.h"
#include "server/commands/usage.h"
#include "server/endpoints/handlers.h"
#include "server/host/log.h"
#include "server/host/machine_limits.h"
#include "server/host/progress.h"
#include "server/host/signals.h"
#include "server/http/http_server.h"
#include "server/model/load_model.h"
#include "server/model/text_files.h"
#include "server/operate/listener.h"
#include "server/operate/probes.h"

namespace puna::server {
namespace {

using std::chrono::seconds;

// Readers that take nothing may hold their connections longer than the answers take; the process
// does not wait for them.
constexpr seconds kCloseTimeout{5};

std::string Summary(const config::EngineConfig& config, const LoadedModel& loaded,
                    const engine::EngineOptions& options) {
  const auto mib = [](size_t bytes) { return std::to_string(bytes >> 20) + " MiB"; };
  const size_t kv_bytes = loaded.model->kv_bytes_per_block() * static_cast<size_t>(options.num_blocks);
  return loaded.name + ": weights " + mib(loaded.model->weight_bytes()) + ", KV cache up to " + mib(kv_bytes) + ", " +
         std::to_string(options.max_num_seqs) + " sequences of up to " +
         std::to_string(std::min(options.max_model_len, options.num_blocks * engine::kBlockSize)) + " tokens, " +
         std::to_string(NumThreads(config)) + " threads";
}

std::unique_ptr<Service> LoadService(const config::Config& config, Vitals& vitals) {
  const engine::FileSet files = TextFiles(config.engine.model);
  // All text files before the weights: who has to mend one hears so at once.
  std::optional<ChatFormat> chat = ChatFormat::Load(files, config.server.chat_template_file);
  engine::Tokenizer tokenizer = LoadTokenizer(files, PlanModel(config.engine).vocab_size);
  Progress progress("loading the model");
  LoadedModel loaded = LoadModel(config.engine, [&](double share) {
    progress.Tell(share);
    vitals.TellLoaded(share);
  });
  engine::EngineOptions options = MakeEngineOptions(config.engine, *loaded.model);
  const Energy energy = MakeEnergy(config.server, NumThreads(config.engine));
  options.energy_meter = energy.meter;
  options.report_fault = [](const std::string& report) { LogError("a step failed: " + report); };
  LogInfo(energy.description);
  LogInfo(Summary(config.engine, loaded, options));
  const int vocab_size = loaded.config.vocab_size;
  auto end_ids = EndsOfTurn(files, tokenizer, loaded.config.eos_token_ids);
  const std::vector<std::string>& names = config.server.served_model_names;
  std::unique_ptr<Service> service(
      new Service{.config = config.server,
                  .model_name = names.empty() ? loaded.name : names[0],
                  .aliases = {names.begin() + (names.empty() ? 0 : 1), names.end()},
                  .created = std::time(nullptr),
                  .tokenizer = std::move(tokenizer),
                  .chat = std::move(chat),
                  .generation = loaded.generation,
                  .end_ids = std::move(end_ids),
                  .energy = energy.terms,
                  .capacity = options.max_num_seqs + options.max_waiting,
                  .engine = std::make_unique<engine::Engine>(std::move(loaded.model), options)});
  service->grammars = std::make_unique<GrammarStore>(service->tokenizer, vocab_size);
  return service;
}

void Announce(const Service& service, int port) {
  const config::ServerConfig& config = service.config;
  const bool loopback = config.host.rfind("127.", 0) == 0 || config.host == "localhost" || config.host == "::1";
  if (!loopback && config.api_keys.empty()) {
    LogWarning("listening on " + config.host +
               " without an API key: whoever reaches this port may use it (--api-key-file)");
  }
  const std::string host = config.host == "0.0.0.0" || config.host == "::" ? "127.0.0.1" : config.host;
  const std::string url = (config.tls_cert_file.empty() ? "http://" : "https://") +
                          (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + std::to_string(port);
  LogInfo(ReadyText(url, service.model_name, !config.api_keys.empty()));
}

// Each connection is a descriptor, and the usual limit is 1024 of them. Gives how many connections that allows.
int RaiseDescriptorLimit(int max_connections) {
  constexpr rlim_t kOthers = 128;  // files of the model, pipes, probes
  constexpr rlim_t kLeast = 8;
  const rlim_t wanted = static_cast<rlim_t>(max_connections) + kOthers;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) return max_connections;
  limit.rlim_cur = std::min(wanted, limit.rlim_max);
  setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur >= wanted) return max_connections;
  const auto allowed = static_cast<int>(limit.rlim_cur > kOthers + kLeast ? limit.rlim_cur - kOthers : kLeast);
  LogWarning("max_connections is " + std::to_string(max_connections) + ", and the system allows only " +
             std::to_string(limit.rlim_max) + " open files: " + std::to_string(allowed) +
             " connections are held; raise its limit (ulimit -n) or lower --max-connections");
  return std::min(allowed, max_connections);
}

// For what is ready to be computed beside the engine: two at least, so that probes have one.
size_t NumWorkers() { return static_cast<size_t>(std::clamp(ReadMachineLimits().cpus, 2, 8)); }

// Who shows a key is no page of another site: then any name will do.
HostNames KnownNames(const config::ServerConfig& config) {
  std::vector<std::string> names = config.api_keys.empty() ? config.allowed_hosts : std::vector<std::string>{"*"};
  names.push_back(config.host);
  return HostNames(std::move(names));
}

Dispatcher MakeDispatcher(Router router, const config::ServerConfig& config) {
  return {std::move(router), ApiKeys(config.api_keys), Cors(config.cors_origins), KnownNames(config)};
}

void WatchConnections(HttpServer& http, Metrics& metrics) {
  metrics.Watch("puna:http_connections", "Open connections.", false, [&http] { return http.open_connections(); });
  metrics.Watch("puna:http_connections_cut_total", "Connections of clients that took too long.", true,
                [&http] { return static_cast<double>(http.cut_connections()); });
  metrics.Watch("puna:http_accept_errors_total", "Connections that the system did not give us.", true,
                [&http] { return static_cast<double>(http.accept_errors()); });
  metrics.Watch("puna:log_lines_dropped_total", "Lines of the log that nobody read in time.", true,
                [] { return static_cast<double>(DroppedLogLines()); });
  http.OnRequest([&metrics](const AccessLine& line) { metrics.CountRequest(line); });
}

// Lets what runs finish within the drain timeout. The status is 0 also when something had to be cut
// off.
int Drain(Service& service, HttpServer& http, const Listener& listener) {
  LogInfo("stopping: running requests have " + std::to_string(service.config.drain_timeout_s) + " s to finish");
  service.stopping = true;
  http.Stop();
  if (!service.engine->Drain(seconds(service.config.drain_timeout_s))) LogWarning("the drain timeout cut requests off");
  const auto deadline = std::chrono::steady_clock::now() + kCloseTimeout;
  while (!listener.ended() && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  if (!listener.ended()) {
    LogWarning("clients still hold connections; closing them");
    std::_Exit(0);
  }
  LogInfo("stopped");
  return 0;
}

// What cannot be read, or makes no sense, leaves all as it is.
void Reload(const ReadConfig& read_again, const Router& router, HttpServer& http) {
  try {
    const config::ServerConfig fresh = read_again().server;
    http.ReplaceCertificate(fresh);
    http.Replace(MakeDispatcher(router, fresh));
    SetLogLevel(fresh.log_level);
    LogInfo("read again: keys, names, origins, the certificate and the level of the log");
  } catch (const std::exception& error) {
    LogError(std::string("nothing is changed, since it cannot be read again: ") + error.what());
  }
}

}  // namespace

int Serve(config::Config config, const ReadConfig& read_again) {
  ExitOnStopSignals();
  IgnoreBrokenPipes();
  config.server.max_connections = RaiseDescriptorLimit(config.server.max_connections);
  std::unique_ptr<Service> service;  // outlives whoever asks it
  Vitals vitals{seconds(config.server.hang_timeout_s)};
  Metrics metrics;
  const auto dispatcher = [&](Router router) { return MakeDispatcher(std::move(router), config.server); };
  // The ports are taken before the long work of loading: who cannot have them hears so at once, and
  // who asks meanwhile how we are gets an answer.
  HttpServer http(config.server, NumWorkers(), dispatcher(LoadingRouter(vitals, metrics)));
  WatchConnections(http, metrics);
  const int port = http.Bind();
  const std::unique_ptr<ProbeListener> probes = ProbeListener::Make(config.server, vitals, metrics);
  Listener listener(http);
  service = LoadService(config, vitals);
  Router router = MakeRouter(*service);
  AddProbes(vitals, metrics, router);
  http.Replace(dispatcher(router));
  StopSignals signals;
  listener.OnEnd([&signals] { signals.Notify(); });
  vitals.TellServing(*service);
  Announce(*service, port);
  while (signals.Wait() == StopSignals::Wish::kReload) Reload(read_again, router, http);
  if (!listener.ended()) {
    const int status = Drain(*service, http, listener);
    listener.OnEnd(nullptr);
    return status;
  }
  listener.OnEnd(nullptr);
  LogError("the system refuses to accept connections");
  return 1;
}

}  // namespace puna::server
