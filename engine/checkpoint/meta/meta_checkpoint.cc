#include "engine/checkpoint/meta/meta_checkpoint.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <utility>

#include "engine/checkpoint/files/checkpoint_fault.h"
#include "engine/checkpoint/files/json_object.h"
#include "engine/checkpoint/meta/meta_params.h"
#include "engine/checkpoint/meta/pth_file.h"
#include "engine/checkpoint/sources/concat_source.h"
#include "engine/checkpoint/sources/dense_source.h"
#include "engine/checkpoint/sources/group_tensors.h"
#include "engine/checkpoint/sources/int8_source.h"

namespace puna::engine {
namespace {

// The files of the checkpoint, in order, and what their tensors mean.
class MetaReader {
 public:
  MetaReader(const FileSet& files, const MetaParams& params) : params_(params), hidden_(params.config.hidden_size) {
    for (int n = 0; n < 1000; ++n) {
      char name[32];
      std::snprintf(name, sizeof(name), "consolidated.%02d.pth", n);
      if (!files.Has(name)) break;
      parts_.emplace_back(files.PathOf(name));
      for (Tensor& tensor : ReadPth(files.Open(name))) parts_.back().Add(std::move(tensor));
    }
    if (parts_.empty()) {
      Throw({.path = files.path(),
             .expected = "consolidated.00.pth",
             .found = "none",
             .remedy = "download the weights of the model into this folder"});
    }
    if (parts_.size() > 1 && params.group_size != 0) {
      Throw({.path = files.path(),
             .expected = "a quantised checkpoint in one file",
             .found = std::to_string(parts_.size()) + " files",
             .remedy = "use the release in one file"});
    }
  }

  // Whether tok_embeddings and output are one table: the same bytes, or no output at all.
  bool Tied() const {
    const auto& tensors = parts_.front().all();
    const auto output = tensors.find("output.weight");
    const auto embedding = tensors.find("tok_embeddings.weight");
    if (output == tensors.end()) return true;
    if (embedding == tensors.end() || params_.group_size != 0) return false;
    return output->second.bytes.data() == embedding->second.bytes.data() &&
           output->second.shape == embedding->second.shape && output->second.dtype == embedding->second.dtype;
  }

  // Embedding and head: floats, or int8 with a scale per row.
  std::unique_ptr<WeightSource> Table(const std::string& name) {
    const int64_t vocab = params_.config.vocab_size;
    if (parts_.front().Has(name + ".scales")) return Codes(name, vocab, hidden_, 8, {});
    const auto count = static_cast<int64_t>(parts_.size());
    const bool by_cols =
        count > 1 && parts_.front().Take(name + ".weight").shape == std::vector{vocab, hidden_ / count};
    return Dense(name + ".weight", vocab, hidden_, by_cols ? ConcatAxis::kCols : ConcatAxis::kRows, {});
  }

  LinearSource Linear(const std::string& name, int64_t rows, int64_t cols, ConcatAxis axis, RowOrder order = {}) {
    LinearSource linear;
    linear.weight =
        params_.group_size == 0 ? Dense(name + ".weight", rows, cols, axis, order) : Codes(name, rows, cols, 4, order);
    if (params_.lora_rank == 0) return linear;
    const int64_t rank = params_.lora_rank;
    TensorSet& part = parts_.front();
    linear.lora = std::make_unique<LoraSource>();
    linear.lora->a = MakeDenseSource(part.TakeFloat(name + ".adaptor.A.weight", {rank, cols}));
    linear.lora->b = MakeDenseSource(part.TakeFloat(name + ".adaptor.B.weight", {rows, rank}), order);
    linear.lora->scale = params_.lora_scale;
    return linear;
  }

  std::vector<float> Norm(const std::string& name) {  // the same in every file
    std::vector<float> norm;
    for (TensorSet& part : parts_) norm = part.TakeVector(name + ".weight", hidden_);
    return norm;
  }

  void CheckNothingLeft() const {
    for (const TensorSet& part : parts_) {
      for (const Tensor* tensor : part.Unused()) {
        // Constants; a tied head; zero points, which this symmetric scheme does not use.
        if (tensor->name == "rope.freqs" || tensor->name == "output.weight" || tensor->name.ends_with(".zeros"))
          continue;
        Throw({.path = part.path(),
               .item = Printable(tensor->name),
               .expected =
                   "only the tensors of a Llama with " + std::to_string(params_.config.num_hidden_layers) + " layers",
               .found = "this one of shape " + ShapeText(tensor->shape),
               .remedy = "check that params.json belongs to these weights"});
      }
    }
  }

 private:
  std::unique_ptr<WeightSource> Dense(const std::string& name, int64_t rows, int64_t cols, ConcatAxis axis,
                                      RowOrder order) {
    const auto count = static_cast<int64_t>(parts_.size());
    const bool by_rows = axis == ConcatAxis::kRows;
    const int64_t whole = by_rows ? rows : cols;
    const int64_t unit = order.natural() ? 1 : order.interleaved_head_dim;
    if (whole % (count * unit) != 0) {
      Throw({.path = parts_.front().path(),
             .item = name,
             .expected = std::to_string(whole) + " rows or columns in equal parts",
             .found = std::to_string(count) + " files",
             .remedy = "check that params.json belongs to these weights"});
    }
    std::vector<std::unique_ptr<WeightSource>> sources;
    for (TensorSet& part : parts_) {
      const std::vector<int64_t> shape = {by_rows ? rows / count : rows, by_rows ? cols : cols / count};
      sources.push_back(MakeDenseSource(part.TakeFloat(name, shape), order));
    }
    return Concat(std::move(sources), axis);
  }

  std::unique_ptr<WeightSource> Codes(const std::string& name, int64_t rows, int64_t cols, int bits, RowOrder order) {
    TensorSet& part = parts_.front();
    const Tensor& codes = part.Take(name + ".weight", {rows, cols});
    const Tensor& scales = part.Take(name + ".scales");
    const int64_t group = cols / GroupsOf(scales, rows, cols);
    const int64_t expected = bits == 4 ? params_.group_size : cols;
    if (group != expected) {
      Throw({.path = part.path(),
             .item = Printable(scales.name),
             .expected = "a scale for every " + std::to_string(expected) + " columns",
             .found = "shape " + ShapeText(scales.shape),
             .remedy = "check that params.json (quantization_args.group_size) belongs to these weights"});
    }
    return MakeInt8Source({.codes = &codes, .scales = &scales}, bits, order);
  }

  const MetaParams& params_;
  int64_t hidden_;
  std::vector<TensorSet> parts_;
};

LayerSource OpenLayer(MetaReader* reader, int n, const ModelConfig& config) {
  const std::string layer = "layers." + std::to_string(n) + ".";
  const int64_t hidden = config.hidden_size;
  const int64_t q = static_cast<int64_t>(config.num_attention_heads) * config.head_dim;
  const int64_t kv = static_cast<int64_t>(config.num_key_value_heads) * config.head_dim;
  const int64_t ffn = config.intermediate_size;
  const RowOrder heads{config.head_dim};
  LayerSource source;
  source.input_layernorm = reader->Norm(layer + "attention_norm");
  source.post_attention_layernorm = reader->Norm(layer + "ffn_norm");
  source.q_proj = reader->Linear(layer + "attention.wq", q, hidden, ConcatAxis::kRows, heads);
  source.k_proj = reader->Linear(layer + "attention.wk", kv, hidden, ConcatAxis::kRows, heads);
  source.v_proj = reader->Linear(layer + "attention.wv", kv, hidden, ConcatAxis::kRows);
  source.o_proj = reader->Linear(layer + "attention.wo", hidden, q, ConcatAxis::kCols);
  source.gate_proj = reader->Linear(layer + "feed_forward.w1", ffn, hidden, ConcatAxis::kRows);
  source.up_proj = reader->Linear(layer + "feed_forward.w3", ffn, hidden, ConcatAxis::kRows);
  source.down_proj = reader->Linear(layer + "feed_forward.w2", hidden, ffn, ConcatAxis::kCols);
  return source;
}

// Llama 3's special tokens follow the last rank in a fixed order: 0 begin_of_text, 1 end_of_text, 8 eom_id, 9 eot_id.
void SetSpecialTokens(const FileSet& files, ModelConfig* config) {
  constexpr char kName[] = "tokenizer.model";
  if (!files.Has(kName)) return;
  const auto file = files.Open(kName);
  const std::string_view text(reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size());
  const size_t last = text.find_last_not_of(" \r\n");
  const size_t space = last == text.npos ? text.npos : text.rfind(' ', last);
  if (space == text.npos) return;  // the tokenizer says what is wrong with it
  int rank = -1;
  std::from_chars(text.data() + space + 1, text.data() + last + 1, rank);
  const int first = rank + 1;
  if (rank < 0 || first > config->vocab_size - 10) return;
  config->bos_token_id = first;
  config->eos_token_ids = {first + 1, first + 8, first + 9};
}

}  // namespace

Checkpoint OpenMetaCheckpoint(const FileSet& files, std::optional<double> rope_factor) {
  const MetaParams params =
      ParseMetaParams(JsonObject::Parse(files.Open("params.json")->bytes(), files.PathOf("params.json")), rope_factor);
  MetaReader reader(files, params);
  Checkpoint checkpoint;
  checkpoint.name = files.path();
  checkpoint.config = params.config;
  checkpoint.config.tie_word_embeddings = reader.Tied();
  SetSpecialTokens(files, &checkpoint.config);
  if (params.group_size != 0) checkpoint.activation_rule = Checkpoint::ActivationRule::kAsymmetric;
  checkpoint.online_hadamard_down_proj = params.spinquant;
  checkpoint.embed_tokens = reader.Table("tok_embeddings");
  for (int n = 0; n < params.config.num_hidden_layers; ++n) {
    checkpoint.layers.push_back(OpenLayer(&reader, n, params.config));
  }
  checkpoint.norm = reader.Norm("norm");
  if (!checkpoint.config.tie_word_embeddings) checkpoint.lm_head = reader.Table("output");
  reader.CheckNothingLeft();
  return checkpoint;
}

}  // namespace puna::engine
