// libFuzzer entry: any bytes as a chat template and, after the first zero byte, as the JSON of its variables. Build
// with clang++ -fsanitize=fuzzer,address,undefined.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "api/template/chat_template.h"
#include "api/template/json_value.h"
#include "api/template/normalise_messages.h"

namespace {

using namespace puna::api;

constexpr const char* kMessages =
    R"([{"role": "system", "content": " s "}, {"role": "user", "content": [{"type": "text", "text": "<|u|>"}]},
        {"role": "assistant", "content": null, "tool_calls": [{"function": {"name": "f", "arguments": "{\"x\": 1.0}"}}]},
        {"role": "tool", "content": "é中😀"}])";

// The pieces must be what a tokenizer relies on.
void Check(const std::vector<PromptPiece>& pieces) {
  for (size_t i = 0; i < pieces.size(); ++i) {
    const bool alternates = i == 0 || pieces[i].trusted != pieces[i - 1].trusted;
    if (pieces[i].text.empty() || !alternates) __builtin_trap();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const size_t zero = std::min(bytes.find('\0'), size);
  try {
    const auto chat_template = ChatTemplate::Parse(std::string(bytes.substr(0, zero)), "fuzz");
    RenderInput input;
    input.messages = NormaliseMessages(jinja::ParseJson(kMessages));
    input.bos_token = "<s>";
    input.limits = {200'000, 16u << 20, 1u << 20};
    if (zero < size) {
      const jinja::Value variables = jinja::ParseJson(bytes.substr(zero + 1));
      if (variables.IsDict()) {
        for (const auto& [name, value] : variables.dict().entries) input.extra.emplace_back(name.bytes(), value);
      }
      input.tools = variables;
    }
    Check(chat_template.Render(input));
  } catch (const TemplateError& error) {
    if (error.message().find('\n') != std::string::npos && error.kind() == TemplateError::Kind::kSyntax)
      __builtin_trap();
  }
  return 0;
}
