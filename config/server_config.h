// What the operator chose about the wire.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "config/client_key.h"

namespace puna::config {

struct ServerConfig {
  std::string host = "127.0.0.1";      // or unix:PATH
  std::string path_prefix;             // under which everything is answered; empty: none
  int port = 8080;                     // 0: any free port
  int metrics_port = 0;                // /health and /metrics on a port and threads of their own; 0: only on `port`
  std::string metrics_names = "puna";  // or vllm
  int hang_timeout_s = 120;            // an engine without a sign of life for so long hangs
  int max_connections = 1024;          // streams and requests held at once
  int max_body_mib = 32;
  int max_request_memory_mib = 0;     // of all requests together; 0: from the memory limit
  int request_timeout_s = 0;          // 0: none
  int keep_alive_timeout_s = 30;      // an idle connection stays open for so long
  int keep_alive_comment_s = 10;      // a sign of life while a prompt is being computed; 0: none
  int drain_timeout_s = 30;           // SIGTERM: what runs may finish for this long
  int drain_delay_s = 0;              // and before that, requests are still taken, but the server is not ready
  std::vector<std::string> api_keys;  // empty: open
  std::string api_key_file;           // more keys, one a line
  std::string keys_file;              // more keys, with names and limits
  bool cache_salt_by_key = false;     // no key finds in the prefix cache what another had computed
  std::vector<ClientKey> named_keys;  // those of keys_file
  std::vector<std::string>
      served_model_names;  // the first is the name, the others are aliases; empty: the folder's name
  bool ui = true;          // the page at /
  bool ollama_api = true;  // answer under /api, too
  std::vector<std::string> cors_origins;
  std::vector<std::string> trusted_proxies;  // whose word on the client's address counts
  std::vector<std::string> allowed_hosts;    // beside localhost and addresses
  std::string tls_cert_file, tls_key_file;
  std::string responses_path;     // folder of stored responses; empty: memory
  double responses_days = 30;     // 0: for as long as there is room
  int responses_mib = 0;          // 0: 1024 in a folder, 64 in memory
  int max_responses = 0;          // 0: 100000 in a folder, 1024 in memory
  double power_watts = 0;         // 0: measured where the processor tells, else a guess per core
  double idle_watts = 0;          // 0: a fifth of it
  double pue = 1;                 // power usage effectiveness
  double carbon_intensity = 475;  // grams of CO2e per kWh; the world's average
  std::string log_level = "info";
  std::string log_format = "text";  // or json
  std::string chat_template_file;   // empty: the checkpoint's own

  size_t num_keys() const { return api_keys.size() + named_keys.size(); }
  bool asks_for_key() const { return num_keys() > 0; }
};

}  // namespace puna::config
