#include "server/commands/usage.h"

#include <filesystem>

#include "config/help.h"
#include "config/options.h"

namespace puna::server {

std::vector<config::Command> Commands() {
  const config::OptionSet serve = config::ServeOptions();
  return {{"serve", "answers OpenAI clients over HTTP", serve},
          {"chat", "talks to a model in the terminal, or gives one answer in a pipe"},
          {"pull", "fetches a model by its name", serve},
          {"list", "shows the models by name that are here"},
          {"show", "says what a model is and where it lies", serve},
          {"rm", "takes models away"},
          {"plan", "says what serving a model would use, and loads nothing", serve},
          {"cache", "lists, checks or clears the KV cache on disk", serve},
          {"quantize", "makes a model in 4 or 8 bits"},
          {"pack", "makes one file that is mapped instead of loaded"},
          {"replay", "computes recorded requests again and compares every bit"},
          {"healthcheck", "asks a running server how it is", serve},
          {"capabilities", "lists every request field and what becomes of it"},
          {"completion", "writes the completions of bash, zsh or fish"},
          {"manual", "writes the manual page, puna(1)"},
          {"version", "says which version this is"},
          {"help", "says what there is"}};
}

std::string GeneralHelp() {
  return R"(puna serves a Llama to OpenAI clients, on any ordinary CPU.

  puna serve                              the built-in demo model on http://127.0.0.1:8080
  puna serve --model hf:bartowski/Llama-3.2-3B-Instruct-GGUF:Q4_K_M
                                          a model by its name, fetched if it is not here (2.0 GB)
  puna serve --model ~/models/Llama-3.2-3B-Instruct
  puna chat                               a chat in the terminal, with a server that runs here or one of its own
  puna pull hf:unsloth/Llama-3.2-3B-Instruct      fetches a model; puna list, show and rm look after what is here
  puna bench --model random:llama-3.2-3b  how fast this machine is, without a download
  puna bench serve --url http://127.0.0.1:8080   puts a load on a running server, of any make
  puna quantize ~/models/Llama-3.2-3B-Instruct ~/models/3b-w4a8
                                          the model in 4 bits, made with care
  puna pack ~/models/Llama-3.2-3B-Instruct --weights w4a8
                                          one file that is mapped instead of loaded: ready in seconds
  puna plan --model ~/models/Llama-3.2-3B-Instruct
                                          what serving it would use, and how many sessions fit; loads nothing
  puna cache list --kv-disk-path ~/kv     what the KV cache on disk holds; verify checks it, clear empties it
  puna replay run.jsonl                   the same bits as on the machine that wrote the file? (--record writes it)
  puna healthcheck                        asks a running server; exit status 0 or 1
  puna capabilities                       every request field and what becomes of it, as Markdown
  puna completion bash                    completions for bash, zsh or fish; puna manual writes puna(1)
  puna version

puna COMMAND --help says more. Without a command, puna serves.
)";
}

std::string ServeHelp() {
  return R"(puna serve [MODEL] [options]: answers OpenAI clients over HTTP.

  puna serve
      the built-in demo model, on http://127.0.0.1:8080
  puna serve --model hf:bartowski/Llama-3.2-3B-Instruct-GGUF:Q4_K_M
      a model on Hugging Face in one of its quantisations; -hf bartowski/Llama-3.2-3B-Instruct-GGUF:Q4_K_M is the same
  puna serve --model hf:unsloth/Llama-3.2-3B-Instruct --weights w4a8
      the original's weights, rounded while loading; ollama:llama3.2:3b and oci://docker.io/ai/llama3.2 are names, too
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
)" + config::OptionsHelp(config::ServeOptions());
}

std::string PlanHelp() {
  return R"(puna plan [MODEL] [options]: what puna serve with the same options would use here, and what fits. Loads nothing.

  puna plan --model ~/models/Llama-3.2-3B-Instruct --weights w8a8 --kv-cache-dtype int8
)";
}

std::string ModelsHelp() {
  return R"(puna pull NAME [--offline]   fetches a model, or what of it is new
puna list                    the models by name that are here, also those that other programs fetched
puna show NAME               what a model is, where it lies, and what it would take to serve it
puna rm NAME...              takes models away

NAME is one of
  hf:ORG/NAME[@REVISION][:QUANTISATION]   Hugging Face: safetensors, or GGUF by its quantisation (Q4_K_M unless said) or file
                                          hf.co/..., huggingface.co/... and a page's address are the same
  ollama:NAME[:TAG]                       Ollama's registry; what Ollama has fetched already is used where it lies
  oci://HOST/REPOSITORY[:TAG]             an OCI registry, as Docker Model Runner uses it; docker:NAME for Docker Hub's ai/NAME

  puna pull hf:bartowski/Llama-3.2-3B-Instruct-GGUF:Q4_K_M
  puna pull hf:unsloth/Llama-3.2-3B-Instruct

Files of Hugging Face lie in its own cache (HF_HUB_CACHE, HF_HOME; ~/.cache/huggingface/hub), where its tools and llama.cpp find
them too; those of registries in ~/.cache/puna/models (XDG_CACHE_HOME). A pull that was interrupted, by whatever, goes on where it
was; checksums are verified. HF_TOKEN opens what is private or gated, HF_ENDPOINT names another hub, HTTPS_PROXY a proxy,
HF_HUB_OFFLINE=1 or --offline asks nobody.
)";
}

std::string CacheHelp() {
  return R"(puna cache list [options]           what the KV cache on disk holds: models, sizes, ages
puna cache verify [options]         reads all of it and compares checksums; exit status 1 where a block is not what was written
puna cache clear WHICH... [options] takes it away: all, a model as the list names it, or six digits of its fingerprint

  puna cache list --kv-disk-path /var/cache/puna/kv
  puna cache clear all --config /etc/puna/puna.json

The folder is the server's: --kv-disk-path, PUNA_KV_DISK_PATH or --config. Servers may run meanwhile, and go on: what is cleared
they notice within a second, and what they hold in memory stays there until they end. Damaged blocks cost warmth alone; verify marks
them, so that nobody reads them again.
)";
}

std::string HealthcheckHelp() {
  return R"(puna healthcheck [options]: asks the server that the same options would start, and exits with 0 or 1.

  puna healthcheck                  the server that runs here (in a container, in it), however it was started
  puna healthcheck --port 9000

It takes the options of puna serve, from flags, PUNA_ variables and --config; host, port and TLS are what count. Without any flag
they are those of the one server that runs, where there is one.
)";
}

std::string DemoText() {
  std::error_code error;
  const std::string program = std::filesystem::read_symlink("/proc/self/exe", error).string();
  return "this is the demo model, which only shows that everything works; for real answers (2.0 GB are fetched)\n\n  " +
         (error || program.find(' ') != std::string::npos ? std::string("puna") : program) +
         " serve --model hf:bartowski/Llama-3.2-3B-Instruct-GGUF:Q4_K_M\n\n";
}

std::string ReadyText(const std::string& url, const std::string& model, bool needs_key, bool has_page) {
  return "serving " + model + " on " + url + "; " + (has_page ? "open it in a browser, or " : "") + "try\n\n  curl " +
         url + "/v1/chat/completions -H 'Content-Type: application/json' \\\n" +
         (needs_key ? "    -H \"Authorization: Bearer $KEY\" \\\n" : "") +
         "    -d '{\"messages\": [{\"role\": \"user\", \"content\": \"Hello!\"}]}'\n\n";
}

}  // namespace puna::server
