// libFuzzer: the messages of whatever body is a request become values for a chat template, none of them trusted, or are refused as
// nested too deep; nothing crashes, hangs or throws otherwise.
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "api/endpoints/chat_request.h"
#include "api/endpoints/messages_request.h"
#include "api/json/error.h"
#include "api/template/chat_template.h"
#include "api/template/json_value.h"
#include "server/model/message_values.h"

namespace {

using namespace puna;

void Check(bool condition) {
  if (!condition) std::abort();
}

void CheckUntrusted(const api::jinja::Value& value) {
  if (value.IsString()) {
    const api::jinja::TrackedText& text = value.text();
    for (size_t i = 0; i < text.size(); ++i) Check(!text.TrustedAt(i));
  } else if (value.IsList()) {
    for (const api::jinja::Value& item : value.list().items) CheckUntrusted(item);
  } else if (value.IsDict()) {
    for (const auto& [name, member] : value.dict().entries) CheckUntrusted(member);
  }
}

template <typename Parser>
void Try(Parser parse) {
  try {
    const std::vector<api::Message> messages = parse();
    const api::jinja::Value values = server::MessageValues(messages);
    Check(values.IsList() && values.list().items.size() == messages.size());
    CheckUntrusted(values);
  } catch (const api::ApiError& error) {
    Check(error.status() == 400);
  } catch (const api::TemplateError&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  Try([&] { return api::ParseChatRequest(body).messages; });
  Try([&] { return api::ParseMessagesRequest(body).chat.messages; });
  return 0;
}
