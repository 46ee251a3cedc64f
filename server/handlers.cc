#include "server/handlers.h"

namespace puna::server {

Router MakeRouter(Service& service) {
  Router router;
  const auto add = [&](const char* method, const char* path,
                       void (*handler)(Service&, const HttpRequest&, HttpReply&)) {
    router.Add(method, path, [&service, handler](const HttpRequest& in, HttpReply& out) {
      handler(service, in, out);
    });
  };
  add("POST", "/v1/chat/completions", ChatCompletions);
  add("POST", "/v1/completions", Completions);
  add("GET", "/v1/models", ListModels);
  add("GET", "/v1/models/*", GetModel);
  add("GET", "/v1/capabilities", Capabilities);
  add("POST", "/tokenize", Tokenize);
  add("POST", "/detokenize", Detokenize);
  add("GET", "/health", Health);
  add("GET", "/health/live", HealthLive);
  add("GET", "/health/ready", HealthReady);
  return router;
}

}  // namespace puna::server
