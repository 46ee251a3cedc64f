#include "engine/grammar/benchmark.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <numeric>
#include <stdexcept>

#include "engine/base/percentile.h"
#include "engine/grammar/compile.h"
#include "engine/grammar/masks/grammar_constraint.h"

namespace puna::engine {
namespace {

using Clock = std::chrono::steady_clock;
using Answers = std::vector<std::pair<std::shared_ptr<const Grammar>, std::string>>;

double Seconds(Clock::time_point since) { return std::chrono::duration<double>(Clock::now() - since).count(); }

double Mean(const std::vector<double>& values) {
  return values.empty() ? 0 : std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// The answer written as the engine would: forced tokens at once, the others masked and taken. Adds
// what each of those took, in microseconds.
void Write(const std::pair<std::shared_ptr<const Grammar>, std::string>& answer, MaskCache& masks,
           std::vector<double>& times, GrammarBenchResult& result) {
  const TokenVocabulary& vocabulary = masks.vocabulary();
  const TokenId end = vocabulary.vocab_size() - 1;
  GrammarConstraint constraint(answer.first, masks, {end});
  const auto accept = [&](TokenId id, size_t& at) {
    constraint.Accept(id);
    at += vocabulary.TextOf(id).size();
    ++result.tokens;
  };
  std::vector<uint64_t> allowed(vocabulary.num_words());
  for (size_t at = 0; at < answer.second.size();) {
    const auto start = Clock::now();
    const std::vector<TokenId> forced = constraint.Forced();
    for (const TokenId id : forced) {
      if (id == end) break;
      accept(id, at);
      ++result.forced_tokens;
    }
    if (at >= answer.second.size()) break;
    std::fill(allowed.begin(), allowed.end(), ~uint64_t{0});
    constraint.MaskNext(allowed);
    const double masked = Seconds(start);
    const std::vector<TokenId> ids = vocabulary.tokenizer().Encode(std::string_view(answer.second).substr(at));
    const TokenId id = ids.at(0);
    if ((allowed[static_cast<size_t>(id) / 64] >> (id % 64) & 1) == 0)
      throw std::invalid_argument("the answer does not keep to its schema at byte " + std::to_string(at) + ": " +
                                  answer.second);
    const auto taken = Clock::now();
    accept(id, at);
    times.push_back(1e6 * (masked + Seconds(taken)));
  }
}

Answers Compile(const std::vector<GrammarBenchCase>& cases, GrammarBenchResult& result) {
  Answers answers;
  std::vector<double> times;
  for (const GrammarBenchCase& one : cases) {
    const auto start = Clock::now();
    const auto grammar = std::make_shared<const Grammar>(CompileAnswer({AnswerSpec::Kind::kJsonSchema, one.schema}));
    times.push_back(1e3 * Seconds(start));
    for (const std::string& answer : one.answers) answers.emplace_back(grammar, answer);
  }
  result.schemas = cases.size();
  result.compile_ms_mean = Mean(times);
  result.compile_ms_max = times.empty() ? 0 : *std::max_element(times.begin(), times.end());
  return answers;
}

}  // namespace

std::vector<GrammarBenchCase> UsualSchemas() {
  return {
      {R"({"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0},
          "email": {"type": "string", "format": "email"}}, "required": ["name", "age", "email"], "additionalProperties": false})",
       {R"({"name": "Ada Lovelace", "age": 36, "email": "ada.lovelace@example.org"})"}},
      {R"({"type": "object", "properties": {"items": {"type": "array", "maxItems": 20, "items": {"type": "object",
          "properties": {"sku": {"type": "string", "pattern": "^[A-Z]{3}-[0-9]{4}$"}, "count": {"type": "integer", "minimum": 1,
          "maximum": 999}, "price": {"type": "number"}, "colour": {"enum": ["red", "green", "blue"]}},
          "required": ["sku", "count", "price", "colour"]}}, "placed": {"type": "string", "format": "date-time"}},
          "required": ["items", "placed"]})",
       {R"({"items": [{"sku": "ABC-1234", "count": 12, "price": 3.75, "colour": "green"}, {"sku": "XYZ-0001", "count": 1, "price": 99.0, "colour": "red"}], "placed": "2026-03-01T12:30:00Z"})"}},
      {R"({"type": "object", "properties": {"city": {"type": "string"}, "unit": {"enum": ["celsius", "fahrenheit"]},
          "days": {"type": "integer", "minimum": 1, "maximum": 14}}, "required": ["city", "unit"]})",
       {R"({"city": "San Francisco", "unit": "celsius", "days": 7})"}},
      {R"({"$ref": "#/$defs/node", "$defs": {"node": {"type": "object", "properties": {"title": {"type": "string", "maxLength": 60},
          "children": {"type": "array", "items": {"$ref": "#/$defs/node"}}}, "required": ["title", "children"]}}})",
       {R"({"title": "A table of contents", "children": [{"title": "The first chapter", "children": []}, {"title": "The second", "children": [{"title": "A part of it", "children": []}]}]})"}},
      {R"({"type": "object", "properties": {"reasoning": {"type": "array", "items": {"type": "string"}},
          "answer": {"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "null"}]}, "sure": {"type": "boolean"}},
          "required": ["reasoning", "answer", "sure"], "additionalProperties": false})",
       {R"({"reasoning": ["Seven times six is forty-two.", "Nothing else was asked, so this is what to say."], "answer": 42, "sure": true})"}},
  };
}

GrammarBenchResult BenchmarkGrammar(const TokenVocabulary& vocabulary, const std::vector<GrammarBenchCase>& cases) {
  constexpr int kRounds = 20;
  GrammarBenchResult result;
  const Answers answers = Compile(cases, result);
  MaskCache masks(vocabulary);
  std::vector<double> first, cached;
  for (const auto& answer : answers) Write(answer, masks, first, result);
  GrammarBenchResult again;
  for (int round = 0; round < kRounds; ++round) {
    for (const auto& answer : answers) Write(answer, masks, cached, again);
  }
  result.first_us_mean = Mean(first);
  result.first_us_max = Percentile(first, 1);
  result.cached_us_mean = Mean(cached);
  result.cached_us_p99 = Percentile(cached, 0.99);
  return result;
}

}  // namespace puna::engine
