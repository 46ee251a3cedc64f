// What answers may look like, compiled: grammars by their text, and the masks over the vocabulary.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>

#include "api/fields/message.h"
#include "api/fields/output_format.h"
#include "api/fields/warnings.h"
#include "engine/base/mutex.h"
#include "engine/grammar/compile.h"
#include "engine/grammar/masks/mask_cache.h"
#include "engine/grammar/masks/tag_finder.h"
#include "engine/tokenizer/tokenizer.h"
#include "server/generate/deadline.h"

namespace puna::server {

// Thread-safe. Grammars are compiled once and kept, those used last.
class GrammarStore {
 public:
  using GrammarPtr = std::shared_ptr<const engine::Grammar>;
  static constexpr size_t kCapacity = 64;

  GrammarStore(const engine::Tokenizer& tokenizer, int vocab_size);

  // Throws api::ApiError 400: what cannot be enforced, by keyword; 504: `deadline` came first. Not for kText.
  // Where a schema, of a format or of a tool, is not strict, only those keywords fall; a warning names each with its place.
  GrammarPtr Find(const api::OutputFormat& format, api::Warnings& warnings, const Deadline& deadline = Deadline(0));
  GrammarPtr FindCalls(const std::vector<api::ToolSpec>& tools, const engine::ToolCallSyntax& syntax, bool parallel,
                       api::Warnings& warnings, const Deadline& deadline = Deadline(0));
  // Calls, or the answer in its form.
  GrammarPtr FindFormOrCalls(const api::OutputFormat& format, const std::vector<api::ToolSpec>& tools,
                             const engine::ToolCallSyntax& syntax, bool parallel, api::Warnings& warnings,
                             const Deadline& deadline = Deadline(0));
  // Finds where calls begin; it lives as long as the store.
  const engine::TagFinder& Tag(const std::string& tag);

  engine::MaskCache& masks() { return masks_; }

  // Of grammars, those included that are being compiled or that only requests still hold, and of masks.
  size_t bytes() const { return *grammar_bytes_ + masks_.bytes(); }
  // Forgets so many bytes, masks before grammars, those first that were not used for longest. What requests hold stays.
  void GiveBack(size_t bytes);

 private:
  struct Entry {
    std::string key;
    GrammarPtr grammar;
    std::vector<std::string> warnings = {};
  };
  using Compiler = std::function<engine::Grammar(engine::Compilation& compilation)>;
  // `param` names what is compiled in errors, unless it is a tool.
  Entry FindOrCompile(const std::string& key, const std::string& param, const Deadline& deadline,
                      const Compiler& compile);
  static GrammarPtr Told(const Entry& entry, api::Warnings& warnings);
  GrammarPtr Counted(engine::Grammar grammar) const;

  engine::TokenVocabulary vocabulary_;
  engine::MaskCache masks_;
  // Grammars outlive the store where a request still holds them.
  const std::shared_ptr<std::atomic<size_t>> grammar_bytes_ = std::make_shared<std::atomic<size_t>>(0);
  engine::Mutex mutex_;
  std::list<Entry> grammars_ PUNA_GUARDED_BY(mutex_);  // the last used first
  std::unordered_map<std::string, std::unique_ptr<engine::TagFinder>> tags_ PUNA_GUARDED_BY(mutex_);
};

}  // namespace puna::server
