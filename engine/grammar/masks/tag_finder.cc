#include "engine/grammar/masks/tag_finder.h"

#include "engine/base/check.h"

namespace puna::engine {

TagFinder::TagFinder(const TokenVocabulary& vocabulary, std::string tag) : tag_(std::move(tag)) {
  PUNA_CHECK(!tag_.empty());
  const int length = static_cast<int>(tag_.size());
  fallback_.assign(tag_.size() + 1, 0);
  for (int matched = 1, border = 0; matched < length; ++matched) {
    while (border > 0 && tag_[border] != tag_[matched]) border = fallback_[border];
    border += tag_[border] == tag_[matched];
    fallback_[matched + 1] = border;
  }
  completing_.resize(tag_.size());
  for (TokenId id = 0; id < vocabulary.vocab_size(); ++id) {
    const std::string_view token = vocabulary.TextOf(id);
    if (token.find(tag_.back()) == token.npos) continue;
    for (int state = 0; state < length; ++state) {
      size_t end;
      Step(state, token, end);
      if (end != token.npos) completing_[static_cast<size_t>(state)].push_back({id, end});
    }
  }
}

int TagFinder::Step(int state, std::string_view text, size_t& end) const {
  for (size_t i = 0; i < text.size(); ++i) {
    while (state > 0 && tag_[state] != text[i]) state = fallback_[state];
    state += tag_[state] == text[i];
    if (state < static_cast<int>(tag_.size())) continue;
    end = i + 1;
    return state;
  }
  end = text.npos;
  return state;
}

}  // namespace puna::engine
