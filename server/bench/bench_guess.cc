#include "server/bench/bench_guess.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <stdexcept>

#include "engine/tokenizer/tokenizer.h"
#include "server/bench/bench_script.h"
#include "server/bench/bench_setup.h"
#include "server/bench/bench_stream.h"

namespace puna::server {
namespace {

using Ids = std::vector<engine::TokenId>;

struct Writing {
  double seconds = 0;  // from the first token to the last
  engine::Usage usage;
};

// Lets the model write `script`: each step computes as usual, and the only id that may be drawn is the script's next.
Writing Write(engine::Engine& engine, Ids prompt, const Ids& script, bool guessing) {
  engine::Request request = BenchRequest(std::move(prompt), static_cast<int>(script.size()));
  request.constraint = std::make_unique<Script>(script, guessing);
  const BenchStream stream(engine, std::move(request));
  Writing result;
  result.usage = stream.AwaitEnd();
  const std::vector<double> times = stream.Times();
  result.seconds = times.back() - times.front();
  return result;
}

Ids TextIds(const ScenarioOptions& o, int vocab) {
  const engine::Tokenizer tokenizer = TokenizerForBench(o.tokenizer);
  std::ifstream in(o.text_file, std::ios::binary);
  if (!in) throw std::runtime_error(o.text_file + ": cannot be opened");
  const std::string text(std::istreambuf_iterator<char>(in), {});
  Ids ids = tokenizer.Encode(text);
  if (ids.size() < 64)
    throw std::runtime_error(o.text_file + ": expected a text of 64 tokens or more, found " +
                             std::to_string(ids.size()));
  if (tokenizer.vocab_size() > vocab) {
    throw std::runtime_error("bench: the tokenizer knows " + std::to_string(tokenizer.vocab_size()) +
                             " ids, the model " + std::to_string(vocab) + "; choose another --tokenizer");
  }
  ids.resize(std::min<size_t>(ids.size(), o.generate));
  return ids;
}

void Compare(std::vector<Figure>& figures, const std::string& key, const std::string& what, engine::Engine& engine,
             const Ids& prompt, const Ids& script) {
  constexpr int kRounds = 2;  // taken in turns: the machine's speed drifts
  double seconds[2] = {1e30, 1e30};
  engine::Usage usage;
  for (int round = 0; round < kRounds; ++round) {
    for (const bool guessing : {false, true}) {
      const Writing writing = Write(engine, prompt, script, guessing);
      seconds[guessing] = std::min(seconds[guessing], writing.seconds);
      if (guessing) usage = writing.usage;
    }
  }
  int proposed = 0, came_true = 0;
  for (const engine::GuessCount& count : usage.guesses) proposed += count.proposed, came_true += count.accepted;
  const double tokens = static_cast<double>(script.size()) - 1;
  figures.push_back({key + "_plain_tokens_per_s", tokens / seconds[0], what + ", without guesses"});
  figures.push_back({key + "_guessed_tokens_per_s", tokens / seconds[1], what + ", with guesses"});
  figures.push_back({key + "_speedup", seconds[0] / seconds[1], what + ", times faster"});
  figures.push_back({key + "_accepted_tokens", double(came_true), "guesses that came true"});
  figures.push_back({key + "_rejected_tokens", double(proposed - came_true), "guesses that did not"});
}

}  // namespace

std::vector<Figure> GuessText(const ScenarioOptions& o, const BenchProgress& progress) {
  if (o.text_file.empty())
    throw std::runtime_error("bench guess: expected --text FILE or --accept RATES, found neither");
  config::EngineConfig config = o.engine;
  config.prefix_caching = config.speculation = true;
  config.remembered_tokens = 0;  // the same text is written again: its own answer would be replayed
  LoadedModel loaded = LoadForBench(config, progress);
  const int vocab = loaded.model->vocab_size();
  const Ids text = TextIds(o, vocab);
  const auto engine = StartForBench(config, std::move(loaded.model), 2, 2 * static_cast<int>(text.size()) + 64);
  Ids changed = text;
  changed[text.size() / 2] = (changed[text.size() / 2] + 1) % vocab;
  std::mt19937 rng(1);
  std::vector<Figure> figures;
  progress("a text that is new");
  Compare(figures, "new", "a new text", *engine, RandomIds(32, vocab, rng), text);
  progress("a text that was in the prompt, with one change");
  Compare(figures, "copy", "a copy with one change", *engine, text, changed);
  return figures;
}

}  // namespace puna::server
