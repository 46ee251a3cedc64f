#include "engine/scheduler/answer_index.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace puna::engine {
namespace {

using Ids = std::vector<TokenId>;

struct Found {
  int agreement;
  Ids next;
};

Found Find(const AnswerIndex& index, const BlockHash& tenant, const Ids& text, int least = 3, int max_ids = 4) {
  Found found;
  found.agreement = index.Find(tenant, text, least, max_ids, found.next);
  return found;
}

constexpr BlockHash kOne{1, 1}, kOther{1, 2};

TEST_CASE("the place that agrees longest is found, the latest of equal ones") {
  AnswerIndex index(1000, false);
  index.Add(kOne, Ids{1, 2, 3, 4, 5, 6, 7, 8, 9});
  index.Add(kOne, Ids{9, 2, 3, 4, 50, 60, 70, 80});
  CHECK(Find(index, kOne, Ids{2, 3, 4}).next == Ids{50, 60, 70, 80});
  CHECK(Find(index, kOne, Ids{2, 3, 4}).agreement == 3);
  CHECK(Find(index, kOne, Ids{1, 2, 3, 4}).next == Ids{5, 6, 7, 8});
  CHECK(Find(index, kOne, Ids{1, 2, 3, 4}).agreement == 4);
  CHECK(Find(index, kOne, Ids{3, 4}).agreement == 0);
  CHECK(Find(index, kOne, Ids{1, 2, 3, 4}, 5).agreement == 0);
  CHECK(Find(index, kOne, Ids{5, 6, 7}, 3, 9).next == Ids{8, 9});  // not beyond the answer's end
  CHECK(Find(index, kOne, Ids{6, 7, 8}).next == Ids{9});
  CHECK(Find(index, kOne, Ids{7, 8, 9}).next.empty());                      // nothing followed
  CHECK(Find(index, kOne, Ids{8, 9, 9, 2, 3}).next == Ids{4, 50, 60, 70});  // no agreement over a border
  CHECK(Find(index, kOne, Ids{8, 9, 9, 2, 3}).agreement == 3);
}

TEST_CASE("no tenant sees another's answers, unless they are shared") {
  AnswerIndex index(1000, false);
  index.Add(kOne, Ids{1, 2, 3, 4, 5, 6, 7, 8});
  CHECK(Find(index, kOther, Ids{1, 2, 3}).agreement == 0);
  index.Add(kOther, Ids{1, 2, 3, 44, 5, 6, 7, 8});
  CHECK(Find(index, kOne, Ids{1, 2, 3}).next[0] == 4);
  CHECK(Find(index, kOther, Ids{1, 2, 3}).next[0] == 44);
  const auto request = [](uint64_t tenant, std::string salt) {
    Request asked;
    asked.tenant = tenant;
    asked.cache_salt = std::move(salt);
    return asked;
  };
  const AnswerIndex shared(1000, true);
  CHECK(index.TenantOf(request(0, "a")) == index.TenantOf(request(0, "a")));
  CHECK_FALSE(index.TenantOf(request(0, "a")) == index.TenantOf(request(0, "b")));
  CHECK_FALSE(index.TenantOf(request(7, "")) == index.TenantOf(request(0, "")));
  CHECK_FALSE(index.TenantOf(request(7, "a")) == index.TenantOf(request(8, "a")));
  CHECK_FALSE(index.TenantOf(request(0, "7:a")) == index.TenantOf(request(7, "a")));
  CHECK(shared.TenantOf(request(7, "b")) == shared.TenantOf(request(0, "")));
}

TEST_CASE("the oldest ids make room, and short answers take none") {
  AnswerIndex index(64, false);
  index.Add(kOne, Ids{1, 2, 3, 4, 5, 6, 7});
  CHECK(index.num_ids() == 0);
  index.Add(kOne, Ids{1, 2, 3, 4, 5, 6, 7, 8});
  CHECK(Find(index, kOne, Ids{1, 2, 3}).agreement == 3);
  Ids filler(60);
  for (int i = 0; i < 60; ++i) filler[i] = 100 + i;
  index.Add(kOne, filler);
  CHECK(index.num_ids() == 64);
  CHECK(Find(index, kOne, Ids{1, 2, 3}).agreement == 0);
  CHECK(Find(index, kOne, Ids{5, 6, 7}).next == Ids{8});  // its end is still there
  Ids longer(200);
  for (int i = 0; i < 200; ++i) longer[i] = 1000 + i;
  index.Add(kOne, longer);
  CHECK(Find(index, kOne, Ids{1100, 1101, 1102}).agreement == 0);
  CHECK(Find(index, kOne, Ids{1150, 1151, 1152}).next[0] == 1153);
  CHECK(AnswerIndex::BytesFor(1'000'000) < 20'000'000);
}

TEST_CASE("what is found is there: the same as a plain search over what the ring holds") {
  std::mt19937 random(3);
  AnswerIndex index(300, false);
  std::vector<std::pair<bool, Ids>> answers;
  int found_some = 0;
  for (int round = 0; round < 400; ++round) {
    const bool other = random() % 2;
    Ids answer;
    for (uint32_t i = 0; i < 8 + random() % 40; ++i) answer.push_back(static_cast<TokenId>(random() % 6));
    index.Add(other ? kOther : kOne, answer);
    answers.emplace_back(other, answer);
    Ids text;
    for (int i = 0; i < 10; ++i) text.push_back(static_cast<TokenId>(random() % 6));
    const Found found = Find(index, kOne, text, 3, 5);
    if (found.agreement == 0) continue;
    ++found_some;
    Ids pattern(text.end() - found.agreement, text.end());
    pattern.insert(pattern.end(), found.next.begin(), found.next.end());
    const bool there =
        std::any_of(answers.rbegin(), answers.rbegin() + std::min<size_t>(45, answers.size()), [&](auto& a) {
          return !a.first &&
                 std::search(a.second.begin(), a.second.end(), pattern.begin(), pattern.end()) != a.second.end();
        });
    CHECK(there);
  }
  CHECK(found_some > 100);
}

}  // namespace
}  // namespace puna::engine
