#include "server/model/text_tokens.h"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

#include "api/json/error.h"
#include "server/model/chat_format.h"

namespace puna::server {
namespace {

using engine::TokenId;

constexpr int64_t kFewestTokens = 64;

std::vector<api::Message> ParseMessages(const nlohmann::json& line) {
  std::vector<api::Message> messages;
  for (const nlohmann::json& item : line.at("messages")) {
    api::Message message;
    message.role = item.at("role").get<std::string>();
    if (item.contains("content") && item["content"].is_string()) message.content = item["content"].get<std::string>();
    messages.push_back(std::move(message));
  }
  if (line.contains("expected") && line["expected"].is_string()) {
    api::Message answer;
    answer.role = "assistant";
    answer.content = line["expected"].get<std::string>();
    messages.push_back(std::move(answer));
  }
  return messages;
}

std::vector<TokenId> EncodeLine(const std::string& text, const ChatFormat& chat, const engine::Tokenizer& tokenizer,
                                const std::string& where) {
  try {
    const nlohmann::json line = nlohmann::json::parse(text);
    if (line.contains("prompt")) {
      return tokenizer.Encode(line.at("prompt").get<std::string>() + line.value("expected", std::string()));
    }
    const std::vector<api::Message> messages = ParseMessages(line);
    std::vector<engine::PromptPiece> pieces;
    const std::vector<api::ToolSpec> no_tools;
    const std::string no_kwargs;
    const std::vector<api::PromptPiece> rendered = chat.Render({messages, no_tools, no_kwargs, false, false});
    for (const api::PromptPiece& piece : rendered) pieces.push_back({piece.text, piece.trusted});
    return tokenizer.Encode(pieces);
  } catch (const nlohmann::json::exception& error) {
    throw std::runtime_error(where + ": expected {\"messages\": [{\"role\": ..., \"content\": ...}]}, found " +
                             error.what() + "; give plain text in a .txt file, or a conversation a line");
  } catch (const api::ApiError& error) {
    throw std::runtime_error(where + ": " + error.what());
  }
}

// Cuts what comes into sequences that start with the model's first token.
class Cutter {
 public:
  Cutter(const engine::Tokenizer& tokenizer, int length, int64_t max_tokens)
      : bos_(tokenizer.bos_id()), length_(static_cast<size_t>(length)), left_(max_tokens) {}

  bool full() const { return left_ <= 0; }
  void Add(const std::vector<TokenId>& ids) {
    for (const TokenId id : ids) {
      if (full()) return;
      if (sequences_.empty() || sequences_.back().size() == length_) Begin();
      if (sequences_.back().size() == 1 && id == bos_) continue;
      sequences_.back().push_back(id);
      --left_;
    }
  }
  std::vector<std::vector<TokenId>> Take() { return std::move(sequences_); }

 private:
  void Begin() {
    sequences_.emplace_back();
    if (bos_ == engine::kNoToken) return;
    sequences_.back().push_back(bos_);
    --left_;
  }

  TokenId bos_;
  size_t length_;
  int64_t left_;
  std::vector<std::vector<TokenId>> sequences_;
};

}  // namespace

std::vector<std::vector<TokenId>> ReadTokens(const std::string& path, const engine::FileSet& model_files,
                                             const engine::Tokenizer& tokenizer, int length, int64_t max_tokens) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error(path + ": cannot be opened; check that it exists and that this user may read it");
  Cutter cutter(tokenizer, length, max_tokens);
  if (path.ends_with(".jsonl")) {
    const std::optional<ChatFormat> chat = ChatFormat::Load(model_files, "");
    if (!chat)
      throw std::runtime_error(path + ": conversations need a chat template, and the model has none; give plain text");
    std::string line;
    for (int number = 1; !cutter.full() && std::getline(in, line); ++number) {
      if (!line.empty()) cutter.Add(EncodeLine(line, *chat, tokenizer, path + ":" + std::to_string(number)));
    }
  } else {
    std::stringstream text;
    text << in.rdbuf();
    cutter.Add(tokenizer.Encode(text.str()));
  }
  auto sequences = cutter.Take();
  int64_t total = 0;
  for (const auto& sequence : sequences) total += static_cast<int64_t>(sequence.size());
  if (total < kFewestTokens) {
    throw std::runtime_error(path + ": expected at least " + std::to_string(kFewestTokens) + " tokens, found " +
                             std::to_string(total) + "; give more text");
  }
  if (sequences.back().size() < 2) sequences.pop_back();
  return sequences;
}

}  // namespace puna::server
