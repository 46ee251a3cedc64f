#include "server/commands/usage.h"

#include "config/help.h"

namespace puna::server {

std::string GeneralHelp() {
  return R"(puna serves a Llama to OpenAI clients, on any ordinary CPU.

  puna serve                              the built-in demo model on http://127.0.0.1:8080
  puna serve --model ~/models/Llama-3.2-3B-Instruct
  puna bench --model random:llama-3.2-3b  how fast this machine is, without a download
  puna bench serve --url http://127.0.0.1:8080   puts a load on a running server, of any make
  puna quantize ~/models/Llama-3.2-3B-Instruct ~/models/3b-w4a8
                                          the model in 4 bits, made with care
  puna pack ~/models/Llama-3.2-3B-Instruct --weights w4a8
                                          one file that is mapped instead of loaded: ready in seconds
  puna plan --model ~/models/Llama-3.2-3B-Instruct
                                          what serving it would use, and how many sessions fit; loads nothing
  puna healthcheck                        asks a running server; exit status 0 or 1
  puna capabilities                       every request field and what becomes of it, as Markdown
  puna version

puna COMMAND --help says more. Without a command, puna serves.
)";
}

std::string ServeHelp() {
  return R"(puna serve [MODEL] [options]: answers OpenAI clients over HTTP.

  puna serve
      the built-in demo model, on http://127.0.0.1:8080
  puna serve --model ~/models/Llama-3.2-3B-Instruct --weights w8a8
      a folder as it was downloaded from Hugging Face, in half the memory
  puna serve --model ~/models/Llama-3.2-3B-Instruct --host 0.0.0.0 --api-key-file ~/puna.keys
      for others in the network, who must send one of the keys in the file
  PUNA_PORT=9000 puna serve --config puna.json
      every option is also a PUNA_ variable and a key of a JSON file: --max-num-seqs is PUNA_MAX_NUM_SEQS and "max_num_seqs".
      Flags win over variables, variables over the file, the file over the defaults (config/default.json shows them all).

  curl http://127.0.0.1:8080/v1/chat/completions -H 'Content-Type: application/json' \
    -d '{"messages": [{"role": "user", "content": "Hello!"}]}'

Files
  --config FILE                   JSON file with options
  --help, --help-markdown         this text, or the options as a Markdown table
)" + config::OptionsHelp();
}

std::string PlanHelp() {
  return R"(puna plan [MODEL] [options]: what puna serve with the same options would use here, and what fits. Loads nothing.

  puna plan --model ~/models/Llama-3.2-3B-Instruct --weights w8a8 --kv-cache-dtype int8
)";
}

std::string HealthcheckHelp() {
  return R"(puna healthcheck [options]: asks the server that the same options would start, and exits with 0 or 1.

  puna healthcheck
  puna healthcheck --port 9000

It takes the options of puna serve, from flags, PUNA_ variables and --config; host, port and TLS are what count.
)";
}

std::string ReadyText(const std::string& url, const std::string& model, bool needs_key) {
  return "serving " + model + " on " + url + "; try\n\n  curl " + url +
         "/v1/chat/completions -H 'Content-Type: application/json' \\\n" +
         (needs_key ? "    -H \"Authorization: Bearer $KEY\" \\\n" : "") +
         "    -d '{\"messages\": [{\"role\": \"user\", \"content\": \"Hello!\"}]}'\n\n";
}

}  // namespace puna::server
