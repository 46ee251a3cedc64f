// What the operator chose about the wire.
#pragma once

#include <string>
#include <vector>

namespace puna::config {

struct ServerConfig {
  std::string host = "127.0.0.1";
  int port = 8080;             // 0: any free port
  int metrics_port = 0;        // /health and /metrics on a port and threads of their own; 0: only on `port`
  int hang_timeout_s = 120;    // an engine without a sign of life for so long hangs
  int max_connections = 1024;  // streams and requests held at once
  int max_body_mib = 32;
  int request_timeout_s = 0;          // 0: none
  int keep_alive_timeout_s = 30;      // an idle connection stays open for so long
  int keep_alive_comment_s = 10;      // SSE comment while a prompt is being computed; 0: none
  int drain_timeout_s = 30;           // SIGTERM: what runs may finish for this long
  std::vector<std::string> api_keys;  // empty: open
  std::string api_key_file;           // more keys, one a line
  std::vector<std::string>
      served_model_names;  // the first is the name, the others are aliases; empty: the folder's name
  std::vector<std::string> cors_origins;
  std::vector<std::string> allowed_hosts;  // beside localhost and addresses
  std::string tls_cert_file, tls_key_file;
  double power_watts = 0;         // 0: measured where the processor tells, else a guess per core
  double idle_watts = 0;          // 0: a fifth of it
  double pue = 1;                 // power usage effectiveness
  double carbon_intensity = 475;  // grams of CO2e per kWh; the world's average
  std::string log_level = "info";
  std::string log_format = "text";  // or json
  std::string chat_template_file;   // empty: the checkpoint's own
};

}  // namespace puna::config
