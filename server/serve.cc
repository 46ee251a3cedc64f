#include "server/serve.h"

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <string>
#include <thread>

#include "server/handlers.h"
#include "server/http_server.h"
#include "server/load_model.h"
#include "server/log.h"
#include "server/progress.h"
#include "server/signals.h"
#include "server/text_files.h"
#include "server/usage.h"

namespace puna::server {
namespace {

using std::chrono::seconds;

// Readers that take nothing may hold their connections longer than the answers take; the process
// does not wait for them.
constexpr seconds kCloseTimeout{5};

std::string Summary(const config::EngineConfig& config, const LoadedModel& loaded,
                    const engine::EngineOptions& options) {
  const auto mib = [](size_t bytes) { return std::to_string(bytes >> 20) + " MiB"; };
  const size_t kv_bytes =
      loaded.model->kv_bytes_per_block() * static_cast<size_t>(options.num_blocks);
  return loaded.name + ": weights " + mib(loaded.model->weight_bytes()) + ", KV cache up to " +
         mib(kv_bytes) + ", " + std::to_string(options.max_num_seqs) + " sequences of up to " +
         std::to_string(options.max_model_len) + " tokens, " + std::to_string(NumThreads(config)) +
         " threads";
}

std::unique_ptr<Service> LoadService(const config::Config& config) {
  const engine::FileSet files = TextFiles(config.engine.model);
  std::optional<ChatFormat> chat = ChatFormat::Load(files, config.server.chat_template_file);
  Progress progress("loading the model");
  LoadedModel loaded = LoadModel(config.engine, [&](double share) { progress.Tell(share); });
  engine::Tokenizer tokenizer = LoadTokenizer(files, loaded.config.vocab_size);
  const engine::EngineOptions options = MakeEngineOptions(config.engine, *loaded.model);
  LogInfo(Summary(config.engine, loaded, options));
  const int vocab_size = loaded.config.vocab_size;
  const std::vector<std::string>& names = config.server.served_model_names;
  std::unique_ptr<Service> service(new Service{
      .config = config.server,
      .model_name = names.empty() ? loaded.name : names[0],
      .aliases = {names.begin() + (names.empty() ? 0 : 1), names.end()},
      .created = std::time(nullptr),
      .tokenizer = std::move(tokenizer),
      .chat = std::move(chat),
      .generation = loaded.generation,
      .end_ids = loaded.config.eos_token_ids,
      .capacity = options.max_num_seqs + options.max_waiting,
      .engine = std::make_unique<engine::Engine>(std::move(loaded.model), options)});
  service->grammars = std::make_unique<GrammarStore>(service->tokenizer, vocab_size);
  return service;
}

void Announce(const Service& service, int port) {
  const config::ServerConfig& config = service.config;
  const bool loopback =
      config.host.rfind("127.", 0) == 0 || config.host == "localhost" || config.host == "::1";
  if (!loopback && config.api_keys.empty()) {
    LogWarning("listening on " + config.host +
               " without an API key: whoever reaches this port may use it (--api-key-file)");
  }
  const std::string host =
      config.host == "0.0.0.0" || config.host == "::" ? "127.0.0.1" : config.host;
  const std::string url = (config.tls_cert_file.empty() ? "http://" : "https://") +
                          (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" +
                          std::to_string(port);
  LogInfo(ReadyText(url, service.model_name, !config.api_keys.empty()));
}

// Lets what runs finish within the drain timeout. The status is 0 also when something had to be cut
// off.
int Drain(Service& service, HttpServer& http, std::thread& listener, std::atomic<bool>& ended) {
  LogInfo("stopping: running requests have " + std::to_string(service.config.drain_timeout_s) +
          " s to finish");
  service.stopping = true;
  http.Stop();
  if (!service.engine->Drain(seconds(service.config.drain_timeout_s)))
    LogWarning("the drain timeout cut requests off");
  const auto deadline = std::chrono::steady_clock::now() + kCloseTimeout;
  while (!ended && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  if (!ended) {
    LogWarning("clients still hold connections; closing them");
    std::_Exit(0);
  }
  listener.join();
  LogInfo("stopped");
  return 0;
}

}  // namespace

int Serve(const config::Config& config) {
  ExitOnStopSignals();
  const std::unique_ptr<Service> service = LoadService(config);
  StopSignals signals;
  HttpServer http(config.server, Dispatcher(MakeRouter(*service), ApiKeys(config.server.api_keys),
                                            Cors(config.server.cors_origins)));
  const int port = http.Bind();
  std::atomic<bool> ended{false};
  std::thread listener([&] {
    if (!http.Serve()) LogError("the system refuses to accept connections");
    ended = true;
    signals.Notify();
  });
  Announce(*service, port);
  signals.Wait();
  if (!ended) return Drain(*service, http, listener, ended);
  listener.join();
  return 1;
}

}  // namespace puna::server
