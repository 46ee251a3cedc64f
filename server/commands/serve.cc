#include "server/commands/serve.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "engine/kv_cache/block_id.h"
#include "server/commands/usage.h"
#include "server/endpoints/handlers.h"
#include "server/host/file_faults.h"
#include "server/host/log.h"
#include "server/host/loopback.h"
#include "server/host/machine_limits.h"
#include "server/host/memory_reserve.h"
#include "server/host/progress.h"
#include "server/host/service_manager.h"
#include "server/host/signals.h"
#include "server/http/http_server.h"
#include "server/http/listen_socket.h"
#include "server/hub/locate_model.h"
#include "server/model/draft_model.h"
#include "server/model/kv_disk.h"
#include "server/model/load_model.h"
#include "server/model/text_files.h"
#include "server/operate/engine_window.h"
#include "server/operate/listener.h"
#include "server/operate/probes.h"
#include "server/page/page.h"

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

// Has --model lie on this machine, and the server known by the names that it was asked for.
config::Config WithLocalModel(config::Config config, Vitals& vitals) {
  LocatedModel located = LocateModel(config.engine, [&](double share) { vitals.TellFetched(share); });
  config.engine.model = std::move(located.path);
  if (config.server.served_model_names.empty()) config.server.served_model_names = std::move(located.names);
  if (HasDraft(config.engine)) {
    config::EngineConfig draft = config.engine;
    draft.model = draft.draft_model;
    config.engine.draft_model = LocateModel(draft, [&](double share) { vitals.TellFetched(share); }).path;
  }
  vitals.TellLoaded(0);
  return config;
}

engine::DraftOptions LoadDraftBeside(const config::EngineConfig& config, const engine::Tokenizer& tokenizer,
                                     int vocab_size) {
  if (!HasDraft(config)) return {};
  Progress progress("loading the draft model");
  engine::DraftOptions draft = LoadDraft(config, tokenizer, vocab_size, [&](double share) { progress.Tell(share); });
  LogInfo(Describe(draft));
  return draft;
}

// Nobody but who sits at this machine asks: no key tells several apart, and no proxy brings others.
bool IsForOneUser(const config::ServerConfig& config) {
  return IsLoopback(config.host) && !config.asks_for_key() && config.trusted_proxies.empty();
}

std::unique_ptr<ResponseStore> OpenResponses(const config::ServerConfig& config) {
  StoreOptions options;
  options.folder = config.responses_path;
  options.max_responses = static_cast<size_t>(config.max_responses);
  options.max_bytes = static_cast<size_t>(config.responses_mib) << 20;
  options.max_age = seconds(static_cast<int64_t>(config.responses_days * 86400));
  auto store = std::make_unique<ResponseStore>(std::move(options));
  if (store->on_disk())
    LogInfo("stored responses: " + std::to_string(store->size()) + " in " + config.responses_path +
            "; this user alone can read them");
  return store;
}

// What was sealed is read again after a restart, and by servers that share the folder.
std::unique_ptr<const Seal> OpenSeal(const config::ServerConfig& config, const ResponseStore& store) {
  if (!store.on_disk()) return std::make_unique<const Seal>();
  try {
    return std::make_unique<const Seal>(config.responses_path + "/seal.key");
  } catch (const std::exception& error) {
    LogWarning(std::string("responses_path: ") + error.what() + "; compacted conversations end with the process");
    return std::make_unique<const Seal>();
  }
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
  engine::DraftOptions draft = LoadDraftBeside(config.engine, tokenizer, loaded.config.vocab_size);
  engine::EngineOptions options =
      MakeEngineOptions(config.engine, *loaded.model, draft, int64_t{config.server.max_request_memory_mib} << 20);
  options.kv_disk = OpenKvDisk(config.engine);
  options.kv_disk.label = loaded.name + ", " + loaded.model->Format();
  const Energy energy = MakeEnergy(config.server, NumThreads(config.engine));
  options.energy_meter = energy.meter;
  options.report_fault = [](const std::string& report) { LogError("a step failed: " + report); };
  LogInfo(energy.description);
  LogInfo(Summary(config.engine, loaded, options));
  const int vocab_size = loaded.config.vocab_size;
  auto end_ids = EndsOfTurn(files, tokenizer, loaded.config.eos_token_ids);
  std::unique_ptr<ResponseStore> responses = OpenResponses(config.server);
  std::unique_ptr<const Seal> seal = OpenSeal(config.server, *responses);
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
                  .facts = {loaded.config, loaded.model->weight_bytes(), loaded.model->Format()},
                  .responses = std::move(responses),
                  .seal = std::move(seal),
                  .capacity = options.max_num_seqs + options.max_waiting,
                  .slots = options.max_num_seqs,
                  .caches_prefixes = options.prefix_caching,
                  .engine = std::make_unique<engine::Engine>(std::move(loaded.model), options)});
  service->grammars = std::make_unique<GrammarStore>(service->tokenizer, vocab_size);
  service->for_one_user = IsForOneUser(config.server);
  service->responses->OnCancel([&running = service->running](const std::string& id) { running.CancelById(id); });
  return service;
}

void Announce(const Service& service, int port) {
  const config::ServerConfig& config = service.config;
  if (!IsLoopback(config.host) && port != 0 && !config.asks_for_key()) {
    LogWarning("listening on " + config.host +
               " without an API key: whoever reaches this port may use it (--api-key-file)");
  }
  const std::string host = config.host == "0.0.0.0" || config.host == "::" ? "127.0.0.1" : config.host;
  const std::string scheme = config.tls_cert_file.empty() ? "http://" : "https://";
  if (port == 0) return LogInfo("serving " + service.model_name + " on " + host);
  const bool bare = host.find(':') == std::string::npos || host.starts_with('[');
  const std::string url = scheme + (bare ? host : "[" + host + "]") + ":" + std::to_string(port) + config.path_prefix;
  LogInfo(ReadyText(url, service.model_name, config.asks_for_key(), config.ui));
}

// Sockets that listen already, from whoever started us; first the one that most can reach.
std::vector<int> SocketsPassedOn() {
  const auto reach = [](int socket) { return PortOf(socket) == 0 ? 0 : IsLoopback(HostOf(socket)) ? 1 : 2; };
  std::vector<int> passed = PassedSockets(/*for_metrics=*/false, std::getenv);
  std::stable_sort(passed.begin(), passed.end(), [&](int a, int b) { return reach(a) > reach(b); });
  return passed;
}

// Twice a second: what the process is doing, and that it lives, as the engine's heartbeat has it.
void TellManager(ServiceManager& manager, const Vitals::Report& report) {
  HoldMemoryReserve();  // where it was given up
  manager.Trouble(report.live ? "" : report.status);
  if (!report.live) return;
  manager.Alive();
  if (!report.stats)
    manager.Starting(report.status + ", " + std::to_string(static_cast<int>(report.loaded * 100)) + " %");
}

// What is computed from a model whose file changes is worth nothing, and memory that is mapped may go at any moment.
void EndForChangedFile(const std::string& path) {
  LogError(ChangedFileText(path));
  std::_Exit(1);
}

// Whoever spreads requests learns that we are about to go, and meanwhile nobody is refused.
void WaitBeforeDrain(const config::ServerConfig& config, Vitals& vitals) {
  vitals.TellLeaving();
  if (config.drain_delay_s == 0) return;
  LogInfo("stopping: not ready any more, and still serving for " + std::to_string(config.drain_delay_s) + " s");
  std::this_thread::sleep_for(seconds(config.drain_delay_s));
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
  std::vector<std::string> names = config.asks_for_key() ? std::vector<std::string>{"*"} : config.allowed_hosts;
  names.push_back(config.host);
  return HostNames(std::move(names));
}

Dispatcher MakeDispatcher(Router router, const config::ServerConfig& config, KeyAccounts& accounts) {
  return {std::move(router), ApiKeys(config.api_keys, config.named_keys, accounts, config.cache_salt_by_key),
          Cors(config.cors_origins), KnownNames(config)};
}

Router WithPage(Router router, const config::ServerConfig& config) {
  const Handler greeting = config.ollama_api ? OllamaGreeting : Handler();
  if (config.ui)
    AddPage(router, greeting, config.path_prefix);
  else if (greeting)
    router.Add("GET", "/", greeting, Router::Access::kOpen);
  return router;
}

void WatchConnections(HttpServer& http, Metrics& metrics) {
  metrics.Watch("puna:http_connections", "Open connections.", false, [&http] { return http.open_connections(); });
  metrics.Watch("puna:http_connections_cut_total", "Connections of clients that took too long.", true,
                [&http] { return static_cast<double>(http.cut_connections()); });
  metrics.Watch("puna:http_accept_errors_total", "Connections that the system did not give us.", true,
                [&http] { return static_cast<double>(http.accept_errors()); });
  metrics.Watch("puna:log_lines_dropped_total", "Lines of the log that nobody read in time.", true,
                [] { return static_cast<double>(DroppedLogLines()); });
  metrics.Watch("puna:http_request_memory_bytes", "Memory of requests, and of what is kept for later ones.", false,
                [&http] { return static_cast<double>(http.request_memory().used()); });
  metrics.Watch("puna:http_request_memory_limit_bytes", "Most that it may be.", false,
                [&http] { return static_cast<double>(http.request_memory().limit()); });
  http.OnRequest([&metrics](const AccessLine& line) { metrics.CountRequest(line); });
}

// What is kept for later requests is part of the memory of requests, and makes way for them: first what can be made again.
void CountKept(Service& service, RequestMemory& memory) {
  memory.Count({[&service] { return service.grammars->bytes(); },
                [&service](size_t bytes) { service.grammars->GiveBack(bytes); }});
  memory.Count({[&service] { return service.responses->bytes_held(); },
                [&service](size_t bytes) { service.responses->GiveBack(bytes); }});
  // They go when they have ended, or been read.
  memory.Count({[&service] { return service.running.bytes(); }, [](size_t) {}});
  memory.Count({[&service] { return service.engine->waiting_event_bytes(); }, [](size_t) {}});
}

// Lets what runs finish within the drain timeout. The status is 0 also when something had to be cut
// off.
int Drain(Service& service, HttpServer& http, const Listener& listener) {
  LogInfo("stopping: running requests have " + std::to_string(service.config.drain_timeout_s) + " s to finish");
  service.stopping = true;
  http.Stop();
  if (!service.engine->Drain(seconds(service.config.drain_timeout_s))) LogWarning("the drain timeout cut requests off");
  service.background.Stop(kCloseTimeout);
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
void Reload(const ReadConfig& read_again, const Router& router, KeyAccounts& accounts, HttpServer& http,
            Service& service) {
  try {
    config::ServerConfig fresh = read_again().server;
    fresh.host = service.config.host;  // where we listen, whatever is said now
    http.ReplaceCertificate(fresh);
    if (!IsForOneUser(fresh)) service.for_one_user = false;  // and never again: what others asked is in the cache
    http.Replace(MakeDispatcher(router, fresh, accounts));
    SetLogLevel(fresh.log_level);
    LogInfo("read again: keys, names, origins, the certificate and the level of the log");
  } catch (const std::exception& error) {
    LogError(std::string("nothing is changed, since it cannot be read again: ") + error.what());
  }
}

}  // namespace

int Serve(config::Config config, const ReadConfig& read_again) {
  ExitOnStopSignals();
  IgnoreFailedWrites();
  LeaveNoOrphans();
  HoldMemoryReserve();
  ServiceManager manager(std::getenv);
  const config::ServerConfig chosen = config.server;
  const std::vector<int> passed = SocketsPassedOn();
  if (!passed.empty()) config.server.host = HostOf(passed.front());
  config.server.max_request_memory_mib =
      static_cast<int>(RequestMemoryBytes(config.server.max_request_memory_mib, ReadMachineLimits()) >> 20);
  config.server.max_connections = RaiseDescriptorLimit(config.server.max_connections);
  config::Config local;              // with the model as a file; the service refers to it
  std::unique_ptr<Service> service;  // outlives whoever asks it
  Vitals vitals{seconds(config.server.hang_timeout_s)};
  vitals.OnTick([&manager](const Vitals::Report& report) { TellManager(manager, report); });
  KeyAccounts accounts;
  Metrics metrics(MetricNamesOf(config.server.metrics_names));
  metrics.WatchKeys([&accounts] { return accounts.usage(); });
  const auto dispatcher = [&](Router router) { return MakeDispatcher(std::move(router), config.server, accounts); };
  // The ports are taken before the long work of loading: who cannot have them hears so at once, and
  // who asks meanwhile how we are gets an answer.
  HttpServer http(config.server, NumWorkers(), dispatcher(WithPage(LoadingRouter(vitals, metrics), config.server)));
  WatchConnections(http, metrics);
  const int port = passed.empty() ? http.Bind() : http.Adopt(passed);
  const std::unique_ptr<ProbeListener> probes = ProbeListener::Make(chosen, vitals, metrics);
  Listener listener(http);
  const FileWatch watch(EndForChangedFile);
  local = WithLocalModel(config, vitals);
  service = LoadService(local, vitals);
  CountKept(*service, http.request_memory());
  Router router = WithPage(MakeRouter(*service), config.server);
  AddProbes(vitals, metrics, router);
  AddEngineWindow(*service, router);
  http.Replace(dispatcher(router));
  StopSignals signals;
  listener.OnEnd([&signals] { signals.Notify(); });
  vitals.TellServing(*service);
  Announce(*service, port);
  if (config.engine.model.empty()) LogInfo(DemoText());
  const std::string status = "serving " + service->model_name;
  manager.Ready(status);
  while (signals.Wait() == StopSignals::Wish::kReload) {
    manager.Reloading();
    Reload(read_again, router, accounts, http, *service);
    manager.Ready(status);
  }
  if (!listener.ended()) {
    manager.Stopping("finishing what runs");
    WaitBeforeDrain(config.server, vitals);
    const int status = Drain(*service, http, listener);
    listener.OnEnd(nullptr);
    return status;
  }
  listener.OnEnd(nullptr);
  LogError("the system refuses to accept connections");
  return 1;
}

}  // namespace puna::server
