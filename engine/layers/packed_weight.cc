#include "engine/layers/packed_weight.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <exception>
#include <numeric>

#include "engine/base/aligned_buffer.h"
#include "engine/base/check.h"
#include "engine/base/float16.h"
#include "engine/kernels/panel_rounding.h"
#include "engine/layers/linear_input.h"
#include "engine/layers/pack_groups.h"

namespace puna::engine {
namespace {

int64_t PanelBytes(const WeightForm& form, int64_t k) {
  switch (form.format) {
    case WeightFormat::kBf16:
      return k * kPanelCols * 2;
    case WeightFormat::kW8A8:
      return k * kPanelCols;
    case WeightFormat::kW4A8:
      return k / kInt4Group * kInt4GroupBytes;
    case WeightFormat::kGroups:
      return k / UnitColumns(form.groups) * PartsOf(form.groups).bytes;
  }
  return 0;
}

// Where what belongs to an output goes.
struct PerOutput {
  float* scales;
  int32_t* sums;
  float* weighted_sums;
};

// Rows [row, row + count) of a source, one behind the other.
void ReadBf16Rows(const RowRef& ref, int64_t count, bf16* out) {
  if (ref.source->encoding() == WeightSource::Encoding::kBf16) return ref.source->ReadBf16(ref.row, count, out);
  std::vector<float> floats(static_cast<size_t>(count * ref.source->cols()));
  ref.source->ReadFloat(ref.row, count, floats.data());
  for (const float x : floats) *out++ = ToBf16(x);
}

void ReadInt8Rows(const PanelRounding& rounding, const RowRef& ref, int64_t count, int8_t* out, float* scales,
                  int32_t* sums) {
  const int64_t cols = ref.source->cols();
  if (ref.source->encoding() == WeightSource::Encoding::kInt8) {
    ref.source->ReadCodes(ref.row, count, out, scales);
  } else {
    std::vector<float> floats(static_cast<size_t>(count * cols));
    ref.source->ReadFloat(ref.row, count, floats.data());
    for (int64_t r = 0; r < count; ++r) scales[r] = rounding.int8_row(floats.data() + r * cols, cols, out + r * cols);
  }
  for (int64_t r = 0; r < count; ++r) sums[r] = std::accumulate(out + r * cols, out + (r + 1) * cols, 0);
}

// Whether a row's codes are its file's.
bool KeepsInt4Codes(const WeightSource& source) {
  const int64_t group = source.encoding() == WeightSource::Encoding::kInt4 ? source.group_size() : 0;
  return group >= kInt4Group && group % kInt4Group == 0;
}

// One group's 32 codes of column n into their nibbles.
void PutNibbles(const int8_t* codes, int n, uint8_t* group) {
  for (int i = 0; i < 16; ++i) {
    const auto low = static_cast<uint8_t>(codes[i] + 8);
    const auto high = static_cast<uint8_t>(codes[i + 16] + 8);
    group[(i / 4 * kPanelCols + n) * 4 + i % 4] = static_cast<uint8_t>(low | (high << 4));
  }
}

// A row with its file's codes as output n of a panel.
void PutInt4Codes(const RowRef& ref, int n, int64_t k, uint8_t* panel, float* weighted_sum) {
  const int64_t width = ref.source->group_size();  // a wider group's scale serves several of ours
  std::vector<int8_t> codes(static_cast<size_t>(k));
  std::vector<float> scales(static_cast<size_t>(k / kInt4Group + 1));
  ref.source->ReadCodes(ref.row, 1, codes.data(), scales.data());
  float total = 0;
  for (int64_t g = 0; g < k / kInt4Group; ++g) {
    uint8_t* group = panel + g * kInt4GroupBytes;
    const int8_t* own = codes.data() + g * kInt4Group;
    PutNibbles(own, n, group);
    const uint16_t half = FloatToHalf(scales[static_cast<size_t>(g * kInt4Group / width)]);
    std::memcpy(group + kInt4ScalesAt + 2 * n, &half, 2);
    total += HalfToFloat(half) * static_cast<float>(std::accumulate(own, own + kInt4Group, 0));
  }
  *weighted_sum = total;
}

// Packs panels, kRoundedRows rows at a time.
class PanelPacker {
 public:
  PanelPacker(const PackedWeight& w, const PerOutput& out, const std::function<RowRef(int64_t)>& row_of, Isa isa)
      : w_(w),
        out_(out),
        row_of_(row_of),
        rounding_(GetPanelRounding(isa)),
        rows_(static_cast<size_t>(kRoundedRows * w.k)) {}

  void Pack(int64_t p, uint8_t* panel) {
    for (int n = 0; n < kPanelCols; n += kRoundedRows) {
      for (int r = 0; r < kRoundedRows; ++r) {
        const int64_t column = p * kPanelCols + n + r;
        refs_[r] = column < w_.outputs ? row_of_(column) : RowRef{};
        if (refs_[r].source == nullptr) continue;
        PUNA_CHECK(refs_[r].source->cols() == w_.inputs) << refs_[r].source->name();
      }
      PackStrip(p * kPanelCols + n, n, panel);
    }
  }

 private:
  void PackStrip(int64_t column, int n, uint8_t* panel) {
    switch (w_.format()) {
      case WeightFormat::kBf16:
        Read<bf16>([&](int r, int64_t count, bf16* rows) { ReadBf16Rows(refs_[r], count, rows); });
        return PutWords<bf16>(n, panel);
      case WeightFormat::kW8A8:
        Read<int8_t>([&](int r, int64_t count, int8_t* rows) {
          ReadInt8Rows(rounding_, refs_[r], count, rows, &out_.scales[column + r], &out_.sums[column + r]);
        });
        return PutWords<int8_t>(n, panel);
      case WeightFormat::kW4A8:
        return PackInt4(n, panel, &out_.weighted_sums[column]);
      case WeightFormat::kGroups:
        PUNA_CHECK(false) << "packed a panel at a time";
    }
  }

  // Rows with codes of their own are rounded as zeros, and then put in their place.
  void PackInt4(int n, uint8_t* panel, float* weighted_sums) {
    Read<float>([&](int r, int64_t count, float* rows) {
      if (KeepsInt4Codes(*refs_[r].source)) {
        std::fill_n(rows, count * w_.inputs, 0.0f);
      } else {
        refs_[r].source->ReadFloat(refs_[r].row, count, rows);
      }
    });
    rounding_.int4_rows(Row<float>(0), w_.k, w_.k, n, panel, weighted_sums);
    for (int r = 0; r < kRoundedRows; ++r) {
      if (refs_[r].source == nullptr || !KeepsInt4Codes(*refs_[r].source)) continue;
      PutInt4Codes(refs_[r], n + r, w_.k, panel, &weighted_sums[r]);
    }
  }

  // Calls read(r, count, rows) for runs of rows of one source, and puts zeros wherever there is nothing to read.
  template <typename T, typename Fn>
  void Read(const Fn& read) {
    for (int r = 0; r < kRoundedRows;) {
      const int run = RunAt(r);
      T* rows = Row<T>(r);
      int64_t filled = 0;
      if (refs_[r].source != nullptr) {
        read(r, run, rows);
        filled = run * w_.inputs;
      }
      std::fill(rows + filled, rows + run * w_.k, T{});
      r += run;
    }
  }

  // Rows from r on that lie in one piece, in their source and here.
  int RunAt(int r) const {
    int run = 1;
    if (refs_[r].source == nullptr || w_.k != w_.inputs) return run;
    const auto follows = [&](const RowRef& next) {
      return next.source == refs_[r].source && next.row == refs_[r].row + run;
    };
    while (r + run < kRoundedRows && follows(refs_[r + run])) ++run;
    return run;
  }

  template <typename T>
  T* Row(int r) {
    return reinterpret_cast<T*>(rows_.data()) + r * w_.k;
  }

  template <typename T>
  void PutWords(int n, uint8_t* panel) {
    const auto row_bytes = static_cast<int64_t>(w_.k * sizeof(T));
    rounding_.words(reinterpret_cast<const uint8_t*>(Row<T>(0)), row_bytes, row_bytes / 4, n, panel);
  }

  const PackedWeight& w_;
  PerOutput out_;
  const std::function<RowRef(int64_t)>& row_of_;
  const PanelRounding& rounding_;
  RowRef refs_[kRoundedRows];
  std::vector<float> rows_;  // memory of [kRoundedRows, k] of the format's type
};

// The same panel out of sources that have its codes, all at once: much faster.
constexpr GroupForm kInt4Form{GroupForm::Code::kInt4, kInt4Group, GroupForm::Scale::kHalf, GroupForm::Base::kOffset};

bool HasInt4Codes(const PackedWeight& w, int64_t p, const std::function<RowRef(int64_t)>& row_of) {
  for (int64_t column = p * kPanelCols; column < std::min(w.outputs, (p + 1) * kPanelCols); ++column) {
    const RowRef ref = row_of(column);
    if (ref.source != nullptr && !HasCodes(*ref.source, kInt4Form)) return false;
  }
  return w.k == w.inputs;
}

// Sum over groups of scale * (sum of code - 8), of each output.
void SumInt4Panel(const uint8_t* panel, int64_t k, float* weighted_sums) {
  std::fill_n(weighted_sums, kPanelCols, 0.0f);
  for (int64_t g = 0; g < k / kInt4Group; ++g, panel += kInt4GroupBytes) {
    int32_t sums[kPanelCols];
    std::fill_n(sums, kPanelCols, -8 * kInt4Group);
    for (int j = 0; j < 4; ++j) {
      uint32_t words[kPanelCols];
      std::memcpy(words, panel + j * sizeof words, sizeof words);
      for (int n = 0; n < kPanelCols; ++n) {
        const uint32_t pairs = (words[n] & 0x0f0f0f0fu) + (words[n] >> 4 & 0x0f0f0f0fu);  // bytes of at most 30
        sums[n] += static_cast<int32_t>(pairs * 0x01010101u >> 24);                       // all four of them
      }
    }
    for (int n = 0; n < kPanelCols; ++n) {
      uint16_t half;
      std::memcpy(&half, panel + kInt4ScalesAt + 2 * n, 2);
      weighted_sums[n] += HalfToFloat(half) * static_cast<float>(sums[n]);
    }
  }
}

// The one order of all columns that the rows have.
SharedArray<int32_t> OrderOf(const PackedWeight& w, const std::function<RowRef(int64_t)>& row_of) {
  std::span<const int32_t> order;
  for (int64_t column = 0; column < w.outputs; ++column) {
    const WeightSource* source = row_of(column).source;
    if (source == nullptr || source->column_order().data() == order.data()) continue;
    PUNA_CHECK(order.empty() || std::ranges::equal(order, source->column_order())) << source->name();
    order = source->column_order();
  }
  PUNA_CHECK(std::ssize(order) == w.inputs);
  AlignedBuffer<int32_t> copy(order.size());
  std::copy(order.begin(), order.end(), copy.data());
  return SharedArray<int32_t>(std::move(copy));
}

// A source may find values that its format forbids; the team's functions may not throw. Keeps the first such error for
// the caller and skips what is left.
class FirstFailure {
 public:
  template <typename Fn>
  auto Guard(Fn fn) {
    return [this, fn](int64_t task, int) {
      if (failed_.load(std::memory_order_relaxed)) return;
      try {
        fn(task);
      } catch (...) {
        if (!failed_.exchange(true)) error_ = std::current_exception();
      }
    };
  }
  void Rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  std::atomic<bool> failed_{false};
  std::exception_ptr error_;
};

}  // namespace

PackedWeight EmptyWeight(const WeightForm& form, int64_t outputs, int64_t inputs) {
  PackedWeight w;
  w.form = form;
  w.outputs = outputs;
  w.inputs = inputs;
  w.k = PaddedCols(form.format, inputs);
  w.panels = (outputs + kPanelCols - 1) / kPanelCols;
  w.panel_bytes = PanelBytes(form, w.k);
  return w;
}

PackedWeight Pack(const WeightForm& form, int64_t outputs, int64_t inputs, const std::function<RowRef(int64_t)>& row_of,
                  ThreadTeam& team, Isa isa) {
  PackedWeight w = EmptyWeight(form, outputs, inputs);
  AlignedBuffer<uint8_t> data(w.panels * w.panel_bytes);
  AlignedBuffer<float> scales(form.format == WeightFormat::kW8A8 ? w.panels * kPanelCols : 0);
  AlignedBuffer<int32_t> sums(scales.size());
  AlignedBuffer<float> weighted_sums(form.format == WeightFormat::kW4A8 ? w.panels * kPanelCols : 0);
  const PerOutput out{scales.data(), sums.data(), weighted_sums.data()};
  FirstFailure failure;
  team.ForEach(w.panels, failure.Guard([&](int64_t p) {
    uint8_t* panel = data.data() + p * w.panel_bytes;
    if (form.format == WeightFormat::kGroups) {
      PackGroups(w, form.groups, p, row_of, 0, panel);
    } else if (form.format == WeightFormat::kW4A8 && HasInt4Codes(w, p, row_of)) {
      PackGroups(w, kInt4Form, p, row_of, 8, panel);
      SumInt4Panel(panel, w.k, out.weighted_sums + p * kPanelCols);
    } else {
      PanelPacker(w, out, row_of, isa).Pack(p, panel);
    }
  }));
  failure.Rethrow();
  w.data = SharedArray<uint8_t>(std::move(data));
  w.scales = SharedArray<float>(std::move(scales));
  w.sums = SharedArray<int32_t>(std::move(sums));
  w.weighted_sums = SharedArray<float>(std::move(weighted_sums));
  if (form.ordered) w.order = OrderOf(w, row_of);
  return w;
}

void PackedWeight::ReadRow(int64_t row, float* out) const {
  const uint8_t* source = panel(row / kPanelCols);
  const auto n = static_cast<int>(row % kPanelCols);
  if (form.ordered) {
    std::vector<float> row(static_cast<size_t>(inputs));
    ReadGroupColumn(form.groups, source, n, inputs, row.data());
    for (int64_t i = 0; i < inputs; ++i) out[order.data()[i]] = row[static_cast<size_t>(i)];
    return;
  }
  if (format() == WeightFormat::kGroups) return ReadGroupColumn(form.groups, source, n, inputs, out);
  for (int64_t i = 0; i < inputs; ++i) {
    switch (format()) {
      case WeightFormat::kBf16:
        out[i] = ToFloat(reinterpret_cast<const bf16*>(source)[(i / 2 * kPanelCols + n) * 2 + i % 2]);
        break;
      case WeightFormat::kW8A8:
        out[i] = scales[row] *
                 static_cast<float>(reinterpret_cast<const int8_t*>(source)[(i / 4 * kPanelCols + n) * 4 + i % 4]);
        break;
      case WeightFormat::kW4A8: {
        const uint8_t* group = source + i / kInt4Group * kInt4GroupBytes;
        const auto k = static_cast<int>(i % kInt4Group);
        const uint8_t byte = group[(k % 16 / 4 * kPanelCols + n) * 4 + k % 4];
        uint16_t half;
        std::memcpy(&half, group + kInt4ScalesAt + 2 * n, 2);
        out[i] = HalfToFloat(half) * static_cast<float>((k < 16 ? byte & 15 : byte >> 4) - 8);
        break;
      }
      case WeightFormat::kGroups:
        break;  // above
    }
  }
}

}  // namespace puna::engine
