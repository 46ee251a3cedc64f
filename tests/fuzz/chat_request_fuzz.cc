// libFuzzer: any body either becomes a request or is refused with 400; nothing crashes, hangs or
// throws otherwise. clang++-14 -std=c++20 -g -O1 -fsanitize=fuzzer,address,undefined -I.
// tests/fuzz/chat_request_fuzz.cc api/*.cc
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "api/endpoints/chat_request.h"
#include "api/endpoints/completion_request.h"
#include "api/endpoints/messages_request.h"
#include "api/endpoints/tokenize.h"
#include "api/fields/template_json.h"
#include "api/json/error.h"

namespace {

void Check(bool condition) {
  if (!condition) std::abort();
}

template <typename Parser>
void Try(Parser parse) {
  try {
    parse();
  } catch (const puna::api::ApiError& error) {
    Check(error.status() == 400);
    Check(nlohmann::json::accept(error.ToJson()));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  Try([&] {
    const puna::api::ChatRequest request = puna::api::ParseChatRequest(body);
    Check(!request.messages.empty());
    Check(puna::api::SplitToolCalls(request.messages).size() >= request.messages.size());
    Check(nlohmann::json::accept(puna::api::TemplateToolsJson(request.tools)));
    request.warnings.HeaderValue();
  });
  Try([&] {
    const puna::api::ChatRequest request = puna::api::ParseMessagesRequest(body).chat;
    Check(!request.messages.empty());
    Check(puna::api::SplitToolCalls(request.messages).size() >= request.messages.size());
    Check(nlohmann::json::accept(puna::api::TemplateToolsJson(request.tools)));
  });
  Try([&] { Check(!puna::api::ParseCompletionRequest(body).prompts.empty()); });
  Try([&] { puna::api::ParseTokenizeRequest(body); });
  return 0;
}
