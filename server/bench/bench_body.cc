#include "server/bench/bench_body.h"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <vector>

#include "api/endpoints/chat_request.h"
#include "engine/base/percentile.h"
#include "engine/tokenizer/tokenizer.h"
#include "server/bench/bench_stream.h"
#include "server/hub/locate_model.h"
#include "server/model/chat_format.h"
#include "server/model/load_model.h"
#include "server/model/text_files.h"

namespace puna::server {
namespace {

// Turns of a chat about code, with quotes, line ends and a few characters beyond ASCII, until the body has that size.
std::string MakeBody(size_t bytes) {
  nlohmann::ordered_json messages = nlohmann::ordered_json::array();
  messages.push_back({{"role", "system"}, {"content", "You are a careful reviewer."}});
  size_t size = 0;
  for (int i = 0; size < bytes; ++i) {
    std::string text;
    for (int line = 0; line < 40; ++line) {
      text += "line " + std::to_string(i * 40 + line) + ": the function returns \"" + std::to_string(line * 7919) +
              "\", which isn’t what the caller expects;\n\tif (x > 0) { return x + 1; }\n";
    }
    size += text.size();
    messages.push_back({{"role", i % 2 == 0 ? "user" : "assistant"}, {"content", text}});
  }
  messages.push_back({{"role", "user"}, {"content", "Go on."}});
  return nlohmann::ordered_json{{"model", "m"}, {"messages", messages}, {"max_tokens", 16}}.dump();
}

struct BodyTimes {
  std::vector<double> read, render, encode;  // seconds of each run
  size_t tokens = 0;
};

void RunOnce(const std::string& body, const ChatFormat& format, const engine::Tokenizer& tokenizer, BodyTimes& times) {
  const double start = SecondsNow();
  const api::ChatRequest chat = api::ParseChatRequest(body);
  const double read = SecondsNow();
  const std::vector<api::PromptPiece> pieces = format.Render({chat.messages, chat.tools, chat.chat_template_kwargs});
  const double rendered = SecondsNow();
  std::vector<engine::PromptPiece> views;
  for (const api::PromptPiece& piece : pieces) views.push_back({piece.text, piece.trusted});
  times.tokens = tokenizer.Encode(views).size();
  times.read.push_back(read - start);
  times.render.push_back(rendered - read);
  times.encode.push_back(SecondsNow() - rendered);
}

}  // namespace

const char kBodyBenchText[] =
    R"(what a chat costs before the engine sees it: reading the body, laying it out by the chat template, and turning it into
token ids, on one thread; the median of several runs.

  puna bench body --kib 1024
  puna bench body --model ~/models/Llama-3.2-3B-Instruct
)";

const config::OptionTable<BodyBenchOptions>& BodyBenchTable() {
  using O = BodyBenchOptions;
  static const config::OptionTable<O> table = {{
      {"model", "Options", "MODEL", "whose tokenizer and chat template; empty: the embedded demo model's",
       config::TextAt<&O::model>()},
      {"kib", "Options", "KIB", "size of the body", config::IntegerAt<&O::kib>(1, 1 << 16)},
      {"runs", "Options", "N", "of which the median counts", config::IntegerAt<&O::runs>(1, 1000)},
      {"json", "Options", "", "print one JSON object", config::SwitchAt<&O::json>()},
  }};
  return table;
}

int RunBodyBench(BodyBenchOptions options) {
  options.model = LocateFiles(options.model);
  const engine::FileSet files = TextFiles(options.model);
  const engine::Tokenizer tokenizer = LoadTokenizer(files, OpenModel(options.model).config.vocab_size);
  const std::optional<ChatFormat> format = ChatFormat::Load(files, "");
  if (!format) throw std::runtime_error("bench: the model has no chat template; name another with --model");
  const std::string body = MakeBody(static_cast<size_t>(options.kib) << 10);
  BodyTimes times;
  for (int i = 0; i < options.runs; ++i) RunOnce(body, *format, tokenizer, times);
  const double read = engine::Median(times.read), render = engine::Median(times.render),
               encode = engine::Median(times.encode);
  if (options.json) {
    std::puts(nlohmann::ordered_json{{"bytes", body.size()},
                                     {"tokens", times.tokens},
                                     {"read_ms", read * 1e3},
                                     {"render_ms", render * 1e3},
                                     {"encode_ms", encode * 1e3}}
                  .dump(2)
                  .c_str());
    return 0;
  }
  std::printf("%zu bytes, %zu tokens: read %.1f ms, template %.1f ms, tokenizer %.1f ms; %.1f ms in all\n", body.size(),
              times.tokens, read * 1e3, render * 1e3, encode * 1e3, (read + render + encode) * 1e3);
  return 0;
}

}  // namespace puna::server
