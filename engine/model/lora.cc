#include "engine/model/lora.h"

#include <algorithm>

namespace puna::engine {
namespace {

// Rows of one B, scaled, with its columns moved to its own place among all ranks.
class PlacedRows final : public WeightSource {
 public:
  PlacedRows(const LoraSource& lora, int64_t first_col, int64_t cols)
      : lora_(lora), first_col_(first_col), cols_(cols) {}
  std::string name() const override { return lora_.b->name(); }
  int64_t rows() const override { return lora_.b->rows(); }
  int64_t cols() const override { return cols_; }
  Encoding encoding() const override { return Encoding::kFloat; }
  void ReadFloat(int64_t first, int64_t count, float* out) const override {
    std::fill_n(out, count * cols_, 0.0f);
    std::vector<float> row(lora_.b->cols());
    for (int64_t r = 0; r < count; ++r) {
      lora_.b->ReadFloat(first + r, 1, row.data());
      for (size_t i = 0; i < row.size(); ++i) out[r * cols_ + first_col_ + i] = lora_.scale * row[i];
    }
  }

 private:
  const LoraSource& lora_;
  int64_t first_col_, cols_;
};

}  // namespace

std::unique_ptr<Lora> PackLora(const std::vector<const LinearSource*>& parts, int64_t outputs,
                               const std::function<FusedOutput(int64_t)>& output_of, Isa isa, ThreadTeam& team) {
  int64_t ranks = 0;
  int64_t inputs = 0;
  for (const LinearSource* part : parts) {
    if (part->lora == nullptr) continue;
    ranks += part->lora->a->rows();
    inputs = part->lora->a->cols();
  }
  if (ranks == 0) return nullptr;
  std::vector<RowRef> a_rows;
  std::vector<std::unique_ptr<PlacedRows>> placed(parts.size());
  for (size_t i = 0; i < parts.size(); ++i) {
    if (parts[i]->lora == nullptr) continue;
    placed[i] = std::make_unique<PlacedRows>(*parts[i]->lora, static_cast<int64_t>(a_rows.size()), ranks);
    for (int64_t r = 0; r < parts[i]->lora->a->rows(); ++r) a_rows.push_back({parts[i]->lora->a.get(), r});
  }
  const auto b_row = [&](int64_t output) {
    const FusedOutput at = output_of(output);
    if (at.part < 0 || placed[at.part] == nullptr) return RowRef{};
    return RowRef{placed[at.part].get(), at.row};
  };
  auto lora = std::make_unique<Lora>();
  lora->down = Linear(Pack(
                          WeightFormat::kBf16, ranks, inputs, [&](int64_t r) { return a_rows[r]; }, team, isa),
                      isa);
  lora->up = Linear(Pack(WeightFormat::kBf16, outputs, ranks, b_row, team, isa), isa);
  return lora;
}

}  // namespace puna::engine
