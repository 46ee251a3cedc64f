#include "engine/scheduler/guess_budget.h"

#include <algorithm>
#include <iterator>

namespace puna::engine {
namespace {

constexpr float kOwnWeight = 16;            // measurements that a sequence remembers
constexpr float kAllWeight = 64;            // and all together
constexpr double kOthersWeight = 2;         // what others had counts as so many of a sequence's own
constexpr double kPriorWeight = 1;          // and so what is believed before anything is measured
constexpr double kGain = 1.01;              // less is not worth the noise
constexpr double kLeastBesidePrompt = 0.5;  // a guess there is a prompt token less: it should come true rather than not
constexpr int kRetriedGuesses = 2, kRetriedDrafts = 1;  // a plain draft model takes a pass for each
constexpr double kPassWeight = 8;

// Before anything is measured.
double Prior(GuessSource source, int closeness) {
  constexpr double kLookedUp[] = {0.5, 0.7, 0.85, 0.92};
  switch (source) {
    case GuessSource::kLookup:
    case GuessSource::kRemembered:
      return kLookedUp[closeness];
    case GuessSource::kDraft:
      return 0.7;
    default:
      return 0.8;
  }
}

double Blend(const GuessShare& share, double prior, double weight) {
  return (share.value * share.weight + prior * weight) / (share.weight + weight);
}

}  // namespace

void GuessShare::Add(bool happened, float most) {
  weight = std::min(weight + 1, most);
  value += ((happened ? 1.0F : 0.0F) - value) / weight;
}

int GuessBudget::ClassOf(int agreement) { return agreement < 6 ? 0 : agreement < 12 ? 1 : agreement < 24 ? 2 : 3; }

double GuessBudget::Share(const Record& record, const GuessLink& link) const {
  const auto source = static_cast<size_t>(link.source);
  const int place = std::min(link.place, kMaxPlaces - 1), closeness = ClassOf(link.agreement);
  const double others = Blend(all_[source][closeness][place], Prior(link.source, closeness), kPriorWeight);
  return Blend(record.shares[source][place], others, kOthersWeight);
}

double GuessBudget::Expect(const Record& record, std::span<const GuessLink> links) const {
  double chance = 1, sum = 0;
  for (const GuessLink& link : links) sum += chance *= Share(record, link);
  return sum;
}

void GuessBudget::Observe(Record& record, std::span<const GuessLink> links, int num_accepted) {
  const int seen = std::min<int>(num_accepted + 1, static_cast<int>(links.size()));
  for (int i = 0; i < seen; ++i) {
    const auto source = static_cast<size_t>(links[i].source);
    const int place = std::min(links[i].place, kMaxPlaces - 1);
    record.shares[source][place].Add(i < num_accepted, kOwnWeight);
    all_[source][ClassOf(links[i].agreement)][place].Add(i < num_accepted, kAllWeight);
  }
  if (!links.empty() && num_accepted == static_cast<int>(links.size())) record.retry = kFirstRetry;
}

void GuessBudget::ObserveDraft(int num_passes, bool one_pass, double seconds) {
  if (num_passes == 0) return;
  const double pass = seconds / num_passes;
  // One that was held up says little, least of all the first.
  const bool afresh = pass_seconds_ == 0 || pass < pass_seconds_ / 2;
  pass_seconds_ = afresh ? pass : pass_seconds_ + (std::min(pass, 2 * pass_seconds_) - pass_seconds_) / kPassWeight;
  one_pass_ = one_pass;
}

double GuessBudget::DraftSeconds(int most_made) const {
  return most_made == 0 ? 0 : pass_seconds_ * (one_pass_ ? 1 : most_made);
}

// The best beginning of the order, by tokens a second; beside a prompt every row costs what a prompt token does.
double GuessBudget::BestCut(std::span<const Candidate> order, const Step& step, double alone, const Pacer& pacer,
                            size_t& best) const {
  best = 0;
  double best_rate = step.num_decode / alone * kGain, tokens = step.num_decode;
  std::vector<int> drafted;  // by chain
  int most_drafted = 0;
  for (size_t i = 0; i < order.size() && static_cast<int>(i) < step.max_rows; ++i) {
    tokens += order[i].chance;
    if (!order[i].made) {
      if (order[i].chain >= std::ssize(drafted)) drafted.resize(static_cast<size_t>(order[i].chain) + 1);
      most_drafted = std::max(most_drafted, ++drafted[order[i].chain]);
    }
    const int rows = step.num_decode + static_cast<int>(i) + 1;
    if (step.num_prompt == 0 && rows > 2 * pacer.MostMeasured()) break;
    const double seconds = pacer.StepSeconds(step.num_prompt, step.num_decode, static_cast<int>(i) + 1);
    const double rate = tokens / (seconds + DraftSeconds(most_drafted));
    if (rate > best_rate) best_rate = rate, best = i + 1;
  }
  return best_rate;
}

void GuessBudget::Choose(std::span<Chain> chains, const Step& step, const Pacer* pacer) const {
  if (pacer == nullptr) {
    int left = step.num_prompt > 0 ? 0 : step.max_rows;
    for (Chain& chain : chains) {
      chain.num_chosen = std::min(static_cast<int>(chain.links.size()), left);
      left -= chain.num_chosen;
    }
    return;
  }
  if (pacer->StepSeconds(step.num_prompt, step.num_decode, 0) <= 0) return;
  if (step.num_prompt == 0 && !pacer->HasMeasured(step.num_decode)) return;
  ChooseByRate(chains, step, *pacer);
  int left = step.max_rows;
  for (const Chain& chain : chains) {
    left -= chain.num_chosen;
    if (chain.num_chosen > 0) chain.record->quiet = 0;
  }
  if (step.num_prompt == 0) TryAgain(chains, left);
}

void GuessBudget::ChooseByRate(std::span<Chain> chains, const Step& step, const Pacer& pacer) const {
  std::vector<Candidate> order;
  for (int c = 0; c < std::ssize(chains); ++c) {
    double chance = 1;
    for (int i = 0; i < std::ssize(chains[c].links); ++i) {
      chance *= Share(*chains[c].record, chains[c].links[i]);
      if (step.num_prompt > 0 && chance < kLeastBesidePrompt) break;
      order.push_back({chance, c, i, i < chains[c].num_made});
    }
  }
  const auto likelier = [](const Candidate& a, const Candidate& b) { return a.chance > b.chance; };
  std::stable_sort(order.begin(), order.end(), likelier);  // stable: a chain keeps its order
  std::vector<Candidate> made;
  std::copy_if(order.begin(), order.end(), std::back_inserter(made), [](const Candidate& c) { return c.made; });
  const double alone = pacer.StepSeconds(step.num_prompt, step.num_decode, 0);
  size_t cut = 0, made_cut = 0;
  const bool drafts = BestCut(order, step, alone, pacer, cut) > BestCut(made, step, alone, pacer, made_cut);
  const std::span<const Candidate> taken = drafts ? std::span(order).first(cut) : std::span(made).first(made_cut);
  for (const Candidate& candidate : taken) chains[candidate.chain].num_chosen = candidate.place + 1;
}

// A little, of those who have not guessed for a while: the text may have become another.
void GuessBudget::TryAgain(std::span<Chain> chains, int rows_left) const {
  for (Chain& chain : chains) {
    Record& record = *chain.record;
    if (chain.num_chosen > 0 || chain.links.empty() || ++record.quiet < record.retry || rows_left <= 0) continue;
    record.quiet = 0;
    record.retry = std::min(2 * record.retry, kLastRetry);
    const int tried = chain.num_made > 0 ? std::min(chain.num_made, kRetriedGuesses) : kRetriedDrafts;
    chain.num_chosen = std::min(tried, rows_left);
    rows_left -= chain.num_chosen;
  }
}

}  // namespace puna::engine
