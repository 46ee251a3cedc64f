// What answers may look like, compiled: grammars by their text, and the masks over the vocabulary.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "api/message.h"
#include "api/output_format.h"
#include "api/tool_call_parser.h"
#include "engine/grammar/grammar.h"
#include "engine/grammar/mask_cache.h"
#include "engine/tokenizer/tokenizer.h"

namespace puna::server {

// Thread-safe. Grammars are compiled once and kept, those used last.
class GrammarStore {
 public:
  using GrammarPtr = std::shared_ptr<const engine::Grammar>;
  static constexpr size_t kCapacity = 64;

  GrammarStore(const engine::Tokenizer& tokenizer, int vocab_size);

  // Throws api::ApiError 400: what cannot be enforced, by keyword. Not for kText.
  GrammarPtr Find(const api::OutputFormat& format);
  // The schema of a tool that is not strict and cannot be enforced counts as any object.
  GrammarPtr FindCalls(const std::vector<api::ToolSpec>& tools, api::ToolFormat format, bool parallel);

  engine::MaskCache& masks() { return masks_; }

 private:
  using Compiler = std::function<engine::Grammar()>;
  GrammarPtr FindOrCompile(const std::string& key, const Compiler& compile);

  engine::TokenVocabulary vocabulary_;
  engine::MaskCache masks_;
  std::mutex mutex_;
  std::list<std::pair<std::string, GrammarPtr>> grammars_;  // the last used first
};

}  // namespace puna::server
