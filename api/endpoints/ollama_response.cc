#include "api/endpoints/ollama_response.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <nlohmann/json.hpp>

#include "api/endpoints/chat_response.h"
#include "api/json/raw_json.h"

namespace puna::api {

using OrderedJson = nlohmann::ordered_json;

namespace {

int64_t Nanoseconds(double seconds) { return static_cast<int64_t>(std::llround(std::max(0.0, seconds) * 1e9)); }

std::string Timestamp(int64_t seconds, int64_t nanoseconds) {
  const std::time_t time = seconds;
  std::tm utc{};
  gmtime_r(&time, &utc);
  char text[32];
  std::string stamp(text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc));
  if (nanoseconds > 0) stamp += "." + std::to_string(1'000'000'000 + nanoseconds).substr(1);
  return stamp + "Z";
}

// first: the number of calls before these in the answer.
OrderedJson CallsJson(const std::vector<ToolCall>& calls, size_t first) {
  OrderedJson list = OrderedJson::array();
  for (size_t i = 0; i < calls.size(); ++i) {
    OrderedJson function = {
        {"index", first + i}, {"name", calls[i].name}, {"arguments", OrderedJson::parse(calls[i].arguments)}};
    list.push_back({{"id", calls[i].id}, {"function", std::move(function)}});
  }
  return list;
}

// The tag that a name has in lists.
std::string Tagged(const std::string& name) {
  const size_t slash = name.find_last_of('/');
  const bool has_tag = name.find(':', slash == name.npos ? 0 : slash) != name.npos;
  return has_tag ? name : name + ":latest";
}

// As "3.2B".
std::string ShortCount(uint64_t count) {
  const bool billions = count >= 1'000'000'000;
  const double scaled = static_cast<double>(count) / (billions ? 1e9 : 1e6);
  char text[32];
  std::snprintf(text, sizeof text, "%.1f%c", scaled, billions ? 'B' : 'M');
  return text;
}

OrderedJson Details(const OllamaModel& model) {
  return {{"parent_model", ""},
          {"format", "gguf"},
          {"family", "llama"},
          {"families", {"llama"}},
          {"parameter_size", ShortCount(model.parameters)},
          {"quantization_level", model.quantization}};
}

OrderedJson Capabilities(const OllamaModel& model) {
  OrderedJson list = {"completion", "embedding"};
  if (model.tools) list.push_back("tools");
  return list;
}

OrderedJson Entry(const OllamaModel& model) {
  const std::string name = Tagged(model.name);
  return {{"name", name},
          {"model", name},
          {"modified_at", OllamaTimestamp(model.created)},
          {"size", model.size},
          {"digest", model.digest},
          {"details", Details(model)},
          {"capabilities", Capabilities(model)}};
}

OrderedJson ModelInfoJson(const OllamaModel& model, const std::string& asked) {
  return {{"general.architecture", "llama"},
          {"general.basename", asked},
          {"general.parameter_count", model.parameters},
          {"llama.context_length", model.context_length},
          {"llama.embedding_length", model.embedding_length},
          {"llama.block_count", model.block_count},
          {"llama.attention.head_count", model.head_count},
          {"llama.attention.head_count_kv", model.head_count_kv},
          {"llama.vocab_size", model.vocab_size}};
}

}  // namespace

std::string OllamaTimestamp() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const int64_t nanoseconds = std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
  return Timestamp(nanoseconds / 1'000'000'000, nanoseconds % 1'000'000'000);
}

std::string OllamaTimestamp(int64_t seconds) { return Timestamp(seconds, 0); }

OrderedJson OllamaBuilder::Chunk(const std::string& text, const std::vector<ToolCall>& calls, bool done) const {
  OrderedJson json = {{"model", model_}, {"created_at", OllamaTimestamp()}};
  if (generate_) {
    json["response"] = text;
  } else {
    json["message"] = {{"role", "assistant"}, {"content", text}};
    // `calls` are the last ones of calls_, or all of them.
    if (!calls.empty()) json["message"]["tool_calls"] = CallsJson(calls, calls_.size() - calls.size());
  }
  json["done"] = done;
  return json;
}

// Those that have an object as arguments; called when the last one has ended.
std::vector<ToolCall> OllamaBuilder::TakeWholeCalls() {
  std::vector<ToolCall> whole;
  for (ToolCall& call : open_) {
    if (IsJsonObject(call.arguments)) whole.push_back(std::move(call));
  }
  open_.clear();
  calls_.insert(calls_.end(), whole.begin(), whole.end());
  return whole;
}

std::string OllamaBuilder::Line(const std::string& text, const std::vector<ToolCall>& calls,
                                const std::vector<PositionLogprobs>* logprobs) {
  const bool scored = logprobs && !logprobs->empty();
  if (text.empty() && calls.empty() && !scored) return {};
  OrderedJson json = Chunk(text, calls, false);
  if (scored) {
    json["logprobs"] = ChatLogprobsJson(*logprobs, false)["content"];
    logprobs_.insert(logprobs_.end(), logprobs->begin(), logprobs->end());
  }
  return Dump(json) + '\n';
}

std::string OllamaBuilder::Add(const OutputDelta& delta, const std::vector<PositionLogprobs>* logprobs) {
  text_ += delta.content;
  std::vector<ToolCall> whole;
  for (const ToolCallDelta& call : delta.calls) {
    if (!call.id.empty()) {
      for (ToolCall& ended : TakeWholeCalls()) whole.push_back(std::move(ended));
      open_.push_back({call.id, call.name, ""});
    }
    if (!open_.empty()) open_.back().arguments += call.arguments;
  }
  return Line(delta.content, whole, logprobs);
}

std::string OllamaBuilder::Finish(const std::string& reason, const Usage& usage, const OllamaTimes& times) {
  std::string lines = Line("", TakeWholeCalls(), nullptr);
  const auto end = [&](OrderedJson json) {
    json["done_reason"] = reason;
    json["total_duration"] = Nanoseconds(times.total);
    json["load_duration"] = Nanoseconds(times.queue);
    json["prompt_eval_count"] = usage.prompt_tokens;
    json["prompt_eval_duration"] = Nanoseconds(times.prefill);
    json["eval_count"] = usage.completion_tokens;
    json["eval_duration"] = std::max<int64_t>(usage.completion_tokens > 0, Nanoseconds(times.decode));
    return json;
  };
  OrderedJson whole = Chunk(text_, calls_, true);
  if (!logprobs_.empty()) whole["logprobs"] = ChatLogprobsJson(logprobs_, false)["content"];
  whole_ = Dump(end(std::move(whole)));
  return lines + Dump(end(Chunk("", {}, true))) + '\n';
}

std::string OllamaBuilder::EmptyLine() const { return Dump(Chunk("", {}, false)) + '\n'; }

std::string OllamaBuilder::ErrorLine(const std::string& message) {
  return Dump(OrderedJson{{"error", message}}) + '\n';
}

std::string OllamaEmbedJson(const std::vector<std::vector<float>>& vectors, const std::string& model, int prompt_tokens,
                            double seconds) {
  OrderedJson json = {{"model", model}, {"embeddings", vectors}};
  json["total_duration"] = Nanoseconds(seconds);
  json["load_duration"] = 0;
  json["prompt_eval_count"] = prompt_tokens;
  return Dump(json);
}

std::string OllamaEmbeddingsJson(const std::vector<std::vector<float>>& vectors) {
  return Dump(OrderedJson{{"embedding", vectors.empty() ? std::vector<float>() : vectors.front()}});
}

std::string OllamaTags(const std::vector<OllamaModel>& models) {
  OrderedJson json = {{"models", OrderedJson::array()}};
  for (const OllamaModel& model : models) json["models"].push_back(Entry(model));
  return Dump(json);
}

std::string OllamaPs(const std::vector<OllamaModel>& models) {
  OrderedJson json = {{"models", OrderedJson::array()}};
  for (const OllamaModel& model : models) {
    OrderedJson entry = Entry(model);
    entry["expires_at"] = "2100-01-01T00:00:00+00:00";  // it stays as long as the server does
    entry["size_vram"] = 0;
    entry["context_length"] = model.context_length;
    json["models"].push_back(std::move(entry));
  }
  return Dump(json);
}

std::string OllamaShow(const OllamaModel& model, const std::string& asked) {
  OrderedJson json = {{"license", ""}, {"modelfile", ""}};
  json["parameters"] = model.end_text.empty() ? "" : "stop " + OrderedJson(model.end_text).dump();
  json["template"] = "{{ .Prompt }}";
  json["details"] = Details(model);
  json["model_info"] = ModelInfoJson(model, asked);
  json["capabilities"] = Capabilities(model);
  json["modified_at"] = OllamaTimestamp(model.created);
  return Dump(json);
}

}  // namespace puna::api
