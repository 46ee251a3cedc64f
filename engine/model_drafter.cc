#include "engine/model_drafter.h"

#include <algorithm>
#include <exception>
#include <limits>
#include <set>
#include <utility>

#include "engine/base/check.h"

namespace puna::engine {
namespace {

using Clock = std::chrono::steady_clock;

// An answer should be longer than this share of what has to be computed before its first guess.
constexpr int kWorthCatchingUp = 4;
constexpr int kLeastReach = 8;  // ids

double SecondsSince(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// The grammar behind ids that were guessed.
class Behind final : public TokenConstraint {
 public:
  Behind(TokenConstraint& grammar, std::span<const TokenId> ids) : grammar_(grammar), ids_(ids) {}
  void MaskNext(std::span<uint64_t> allowed) override { grammar_.MaskBehind(ids_, allowed); }
  bool active() const override { return true; }
  void Accept(TokenId) override {}
  std::vector<TokenId> Forced() override { return {}; }
  int CountAccepted(std::span<const TokenId>) override { return 0; }

 private:
  TokenConstraint& grammar_;
  std::span<const TokenId> ids_;
};

}  // namespace

// start: position i of a window is the text's token start + i, but for the first. base: known ids when `fed`, guesses all of
// them, were computed behind them.
struct ModelDrafter::Memo : DraftMemo {
  explicit Memo(ModelDrafter& drafter) : owner(drafter) {}
  ~Memo() override {
    if (window >= 0) owner.free_windows_.push_back(window);
  }
  ModelDrafter& owner;
  int window = -1;  // none: beside the model's blocks
  std::vector<BlockId> blocks;
  int start = 0;
  int done = 0;
  int base = -1;
  bool reads = false;  // a part of what it lacked, and not all of it yet
  std::vector<TokenId> fed;
};

// Positions are the draft model's: [first, length) are known and not computed; what was guessed by others stands behind.
struct ModelDrafter::Job {
  DraftAsk* ask = nullptr;
  Memo* memo = nullptr;
  std::span<const BlockId> blocks;
  int first = 0;
  int length = 0;
  int num_fed = 0;          // known ids that the first pass computes
  bool catches_up = false;  // there are more of them: no guess yet
  SamplingParams params;
  std::vector<TokenId> guessed;  // by others, then by us

  const Sequence& sequence() const { return *ask->sequence; }
  TokenId IdAt(int position) const { return sequence().tokens[position == 0 ? 0 : memo->start + position]; }
  int num_wanted() const { return catches_up ? 0 : ask->max_ids - static_cast<int>(ask->guesses.size()); }
};

struct ModelDrafter::Batch {
  std::vector<TokenId> ids;
  std::vector<SequenceChunk> chunks;
  std::vector<int32_t> rows;
  std::vector<std::pair<Job*, int>> wanted;  // the rows' jobs, and how many rows
};

ModelDrafter::ModelDrafter(const DraftOptions& options, int num_blocks, int vocab_size,
                           std::function<void(const std::string&)> report)
    : options_(options),
      model_(options.model),
      num_blocks_(num_blocks),
      window_blocks_(DraftWindowBlocks(options.window)),
      vocab_size_(vocab_size),
      report_(std::move(report)),
      sampler_(vocab_size, model_->isa()) {
  PUNA_CHECK(model_->vocab_size() >= vocab_size) << model_->vocab_size() << " ids in the draft, " << vocab_size;
  PUNA_CHECK(options_.max_ids > 0 && options_.max_batched_tokens > kCatchUp);
  model_->AllocateKvCache(num_blocks_ + kDraftWindows * window_blocks_);
  for (int window = kDraftWindows; options_.window > 0 && window-- > 0;) free_windows_.push_back(window);
}

ModelDrafter::~ModelDrafter() = default;

void ModelDrafter::CopyBlock(const BlockCopy& copy) { model_->CopyBlock(copy.from, copy.to, copy.num_tokens); }

DraftCost ModelDrafter::TakeCost() { return std::exchange(cost_, {}); }

// Ids that it begins to read of a text.
int ModelDrafter::reach() const {
  return options_.window == 0 ? std::numeric_limits<int>::max()
                              : std::clamp(reading_limit_, std::min(kLeastReach, options_.window), options_.window);
}

int ModelDrafter::Lacks(const Sequence& s) { return s.num_tokens() - s.table.num_drafted(); }

bool ModelDrafter::CanGuess(const Sequence& s) const {
  if (failed_) return false;
  const auto* memo = static_cast<const Memo*>(s.draft_memo.get());
  if (memo != nullptr && (memo->window >= 0 || memo->reads)) return true;
  const bool beside = Lacks(s) <= reach() && s.num_tokens() + options_.max_ids < model_->max_position();
  if (!beside && (free_windows_.empty() || 2 * options_.window > model_->max_position())) return false;
  const int lacks = beside ? Lacks(s) : reach();
  return s.request.stop.max_new_tokens - s.num_output() > lacks / kWorthCatchingUp;
}

void ModelDrafter::Propose(std::span<DraftAsk> asks) {
  const auto start = Clock::now();
  try {
    std::vector<Job> jobs;
    std::set<BlockId> written;  // by others in the same pass, from a text that both have
    int rows = 0;
    for (DraftAsk& ask : asks) {
      Job job;
      if (!Begin(ask, job)) continue;
      rows += job.num_fed + static_cast<int>(ask.behind.size()) + ask.max_ids;
      const auto first = job.blocks.begin() + job.first / kBlockSize;
      if (rows > options_.max_batched_tokens ||
          std::any_of(first, job.blocks.end(), [&](BlockId block) { return written.contains(block); }))
        continue;
      written.insert(first, job.blocks.end());
      jobs.push_back(std::move(job));
    }
    if (!jobs.empty()) Guess(jobs);
  } catch (const std::exception& error) {
    failed_ = true;
    for (DraftAsk& ask : asks) ask.guesses.clear();
    if (report_) report_(std::string("the draft model fails, and guesses nothing more: ") + error.what());
  }
  cost_.one_pass = is_pard();
  cost_.seconds += SecondsSince(start);
}

// False: nothing can be guessed for it now.
bool ModelDrafter::Begin(DraftAsk& ask, Job& job) {
  Sequence& s = *ask.sequence;
  if (!s.draft_memo) s.draft_memo = std::make_unique<Memo>(*this);
  job.ask = &ask;
  job.memo = static_cast<Memo*>(s.draft_memo.get());
  Memo& memo = *job.memo;
  if (memo.window < 0) {
    BeginBeside(job);
    const bool reaches = s.num_tokens() + options_.max_ids < model_->max_position();
    if ((job.length - job.first > reach() && !memo.reads) || !reaches) {
      if (free_windows_.empty() || 2 * options_.window > model_->max_position()) return false;
      memo.window = free_windows_.back();
      free_windows_.pop_back();
      for (int i = 0; i < window_blocks_; ++i) memo.blocks.push_back(num_blocks_ + memo.window * window_blocks_ + i);
    }
  }
  if (memo.window >= 0 && !BeginWindow(job)) return false;
  job.num_fed = std::min(job.length - job.first, kCatchUp);
  memo.reads = job.catches_up = job.num_fed < job.length - job.first;
  job.params = s.request.sampling;
  job.params.temperature = 0;  // the likeliest id comes true most often, also where ids are drawn
  job.guessed.assign(ask.behind.begin(), ask.behind.end());
  return true;
}

// In the model's own blocks. What was fed behind the known ids counts as far as it came true.
void ModelDrafter::BeginBeside(Job& job) {
  Sequence& s = *job.ask->sequence;
  Memo& memo = *job.memo;
  int done = s.table.num_drafted();
  if (done == memo.base) {
    for (size_t i = 0; i < memo.fed.size() && done < s.num_tokens() && s.tokens[done] == memo.fed[i]; ++i) ++done;
    s.table.SetDrafted(done);
  }
  memo.base = -1;
  job.blocks = s.table.blocks();
  job.length = s.num_tokens();
  job.first = std::min(done, job.length - 1);  // the last one's row is wanted
}

// In blocks of its own. It begins again with the last ids when they are full, when too much is lacking, and when it may read so
// much by now that it would see twice as much of the text.
bool ModelDrafter::BeginWindow(Job& job) {
  const Sequence& s = *job.ask->sequence;
  Memo& memo = *job.memo;
  if (memo.start > 0 && memo.base >= 0) {
    for (size_t i = 0; i < memo.fed.size() && memo.base < s.num_tokens() && s.tokens[memo.base] == memo.fed[i]; ++i)
      ++memo.base, ++memo.done;
  }
  memo.base = -1;
  const int behind = static_cast<int>(job.ask->behind.size()) + job.ask->max_ids;
  const int most = std::min(window_positions(), model_->max_position());
  const int seen = s.num_tokens() - memo.start;
  const bool lacks_much = seen - memo.done > reach(), sees_little = memo.start > 1 && seen <= reach() / 2;
  if (memo.start == 0 || seen + behind > most || (!memo.reads && (lacks_much || sees_little))) {
    memo.start = std::max(1, s.num_tokens() - reach());
    memo.done = 0;
  }
  job.blocks = memo.blocks;
  job.length = s.num_tokens() - memo.start;
  job.first = std::min(memo.done, job.length - 1);
  return job.length + behind <= most;
}

void ModelDrafter::Guess(std::vector<Job>& jobs) {
  FirstPass(jobs);
  if (!is_pard()) {
    const auto goes_on = [](const Job& job) { return job.num_wanted() > 0 && !job.ask->guesses.empty(); };
    while (std::any_of(jobs.begin(), jobs.end(), goes_on)) NextPass(jobs);
  }
  for (Job& job : jobs) End(job);
}

// All that is not computed yet, what others guessed, and a PARD model's masks.
void ModelDrafter::FirstPass(std::vector<Job>& jobs) {
  Batch batch;
  for (Job& job : jobs) {
    const auto first_token = static_cast<int32_t>(batch.ids.size());
    for (int i = 0; i < job.num_fed; ++i) batch.ids.push_back(job.IdAt(job.first + i));
    if (!job.catches_up) {
      batch.ids.insert(batch.ids.end(), job.guessed.begin(), job.guessed.end());
      job.memo->fed = job.guessed;
      const auto last = static_cast<int32_t>(batch.ids.size()) - 1;
      const int num_rows = is_pard() ? job.ask->max_ids : 1;
      for (int i = 0; i < num_rows; ++i) batch.rows.push_back(last + i);
      batch.ids.insert(batch.ids.end(), static_cast<size_t>(num_rows - 1), options_.pard_token);
      batch.wanted.emplace_back(&job, num_rows);
    }
    const auto num_tokens = static_cast<int32_t>(batch.ids.size()) - first_token;
    batch.chunks.push_back({first_token, num_tokens, job.first, job.blocks});
  }
  // What a cycle leaves to be computed; more is reading.
  const auto is_short = [this](const Job& job) { return job.num_fed <= options_.max_ids + 1; };
  Run(batch, std::all_of(jobs.begin(), jobs.end(), is_short));
}

// The last guess of each that wants one more.
void ModelDrafter::NextPass(std::vector<Job>& jobs) {
  Batch batch;
  for (Job& job : jobs) {
    if (job.num_wanted() == 0 || job.ask->guesses.empty()) continue;
    const auto row = static_cast<int32_t>(batch.ids.size());
    batch.ids.push_back(job.guessed.back());
    batch.chunks.push_back({row, 1, job.length + static_cast<int>(job.guessed.size()) - 1, job.blocks});
    batch.rows.push_back(row);
    batch.wanted.emplace_back(&job, 1);
    job.memo->fed.push_back(job.guessed.back());
  }
  Run(batch, true);
}

void ModelDrafter::Run(const Batch& batch, bool measured) {
  const auto start = Clock::now();
  const MatView<const float> logits = model_->Forward({batch.ids, batch.chunks, batch.rows, {}});
  if (measured) {
    ++cost_.num_passes;
    cost_.pass_seconds += SecondsSince(start);
  } else {
    cost_.num_read += static_cast<int>(batch.ids.size());
    cost_.read_seconds += SecondsSince(start);
  }
  int64_t row = 0;
  for (const auto& [job, num_rows] : batch.wanted) {
    for (int i = 0; i < num_rows; ++i) {
      if (job->num_wanted() > 0) Take(*job, logits.row_span(row + i).first(static_cast<size_t>(vocab_size_)));
    }
    row += num_rows;
  }
}

// As the model's own row would be drawn from, but for chance. Nothing is guessed behind an end.
void ModelDrafter::Take(Job& job, std::span<const float> logits) {
  const Sequence& s = job.sequence();
  const StopCriteria& stop = s.request.stop;
  std::optional<Behind> grammar;
  if (s.request.constraint) grammar.emplace(*s.request.constraint, job.guessed);
  SampleTask task;
  task.params = &job.params;
  task.counts = s.counts ? &*s.counts : nullptr;
  if (s.num_output() + static_cast<int>(job.guessed.size()) < stop.min_new_tokens) task.forbidden = stop.end_ids;
  task.constraint = grammar ? &*grammar : nullptr;
  const TokenId id = sampler_.Sample(logits, task).id;
  if (id != kNoToken) {
    job.ask->guesses.push_back(id);
    job.guessed.push_back(id);
  }
  const bool is_end = std::find(stop.end_ids.begin(), stop.end_ids.end(), id) != stop.end_ids.end();
  if (id == kNoToken || (is_end && !stop.ignore_eos)) job.ask->max_ids = static_cast<int>(job.ask->guesses.size());
}

// What is there now.
void ModelDrafter::End(Job& job) {
  Sequence& s = *job.ask->sequence;
  const int done = job.first + job.num_fed;
  if (job.memo->window >= 0)
    job.memo->done = done;
  else
    s.table.SetDrafted(done);
  job.memo->base = job.catches_up ? -1 : s.num_tokens();
}

}  // namespace puna::engine
