// From what the engine says of a prompt and its caches to what clients are told.
#pragma once

#include <span>

#include "api/fields/cache_report.h"
#include "engine/base/token_id.h"
#include "engine/request/finish.h"
#include "engine/tokenizer/tokenizer.h"

namespace puna::server {

// How a request wants its cache to be reported.
struct CacheReportWish {
  bool wanted = false;
  bool show_before = false;  // whoever asks may see what stood there before: nobody else's requests share the cache
  bool computes_prompt = false;
  bool caching = true;
};

api::CacheReport MakeCacheReport(const engine::Usage& usage, std::span<const engine::TokenId> prompt,
                                 const CacheReportWish& wish, const engine::Tokenizer& tokenizer);

}  // namespace puna::server
