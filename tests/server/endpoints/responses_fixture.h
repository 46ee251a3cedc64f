// The endpoints of /v1/responses and /v1/conversations over a model that says what the test tells it to.
#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include "api/json/error.h"
#include "server/endpoints/handlers.h"
#include "server/host/log.h"
#include "tests/server/scripted_model.h"
#include "tests/server/service_fixture.h"

namespace puna::server {

inline const std::string kResponsesConfig = nlohmann::json{
    {"bos_token", "<|begin_of_text|>"},
    {"eos_token", "<|eot_id|>"},
    {"chat_template",
     "{# <tool_call>: calls as Hermes writes them #}{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m.content "
     "}}{{ eos_token }}"
     "{% endfor %}[assistant]"}}.dump();

class ResponsesFixture : public ServiceFixture {
 public:
  explicit ResponsesFixture(const std::string& script, std::chrono::microseconds step_time = {},
                            int max_model_len = 256, int keep_alive_s = 10)
      : ServiceFixture(Options(max_model_len, keep_alive_s), std::make_unique<ScriptedModel>(script, step_time)) {
    SetUpLog("off", "text");
    service->chat = ChatFormat::Load(
        engine::FileSet::Memory(
            "memory",
            {{"tokenizer_config.json", std::as_bytes(std::span(kResponsesConfig.data(), kResponsesConfig.size()))}}),
        "");
    router = MakeRouter(*service);
  }

  HttpReply Call(const std::string& method, const std::string& path, const std::string& body = "",
                 const std::map<std::string, std::string>& query = {}) {
    HttpRequest request = Post(body);
    request.query = [&](const std::string& name) { return query.count(name) ? query.at(name) : ""; };
    const Router::Match match = router.Find(method, path);
    REQUIRE(match.handler);
    request.tail = match.tail;
    HttpReply reply;
    (*match.handler)(request, reply);
    if (reply.later) Finish(reply);
    return reply;
  }
  nlohmann::json Create(const nlohmann::json& body) {
    return nlohmann::json::parse(Call("POST", "/v1/responses", body.dump()).body);
  }
  std::string CodeOf(const std::string& method, const std::string& path,
                     const nlohmann::json& body = nlohmann::json::object(),
                     const std::map<std::string, std::string>& query = {}) {
    try {
      Call(method, path, body.dump(), query);
    } catch (const api::ApiError& error) {
      return std::to_string(error.status()) + " " + error.code() + " " + error.param();
    }
    return "none";
  }

  Router router;

 private:
  static ServiceOptions Options(int max_model_len, int keep_alive_s) {
    ServiceOptions options;
    options.max_model_len = max_model_len;
    options.config.keep_alive_comment_s = keep_alive_s;
    return options;
  }
};

}  // namespace puna::server
