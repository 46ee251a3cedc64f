#include "engine/layers/packed_weight.h"

#include <atomic>
#include <cmath>
#include <cstring>
#include <exception>

#include "engine/base/aligned_buffer.h"
#include "engine/base/check.h"
#include "engine/base/float16.h"
#include "engine/layers/linear_input.h"
#include "engine/layers/pack_groups.h"
#include "engine/layers/round_weights.h"

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

// Scratch of one thread: a row as it is read.
struct RowBuffers {
  explicit RowBuffers(int64_t k) : bf16s(k), floats(k), codes(k), scales(k / kInt4Group + 1) {}
  std::vector<bf16> bf16s;
  std::vector<float> floats;
  std::vector<int8_t> codes;
  std::vector<float> scales;
};

void PackBf16Row(const RowRef& ref, int n, RowBuffers& row, int64_t inputs, uint8_t* panel) {
  if (ref.source->encoding() == WeightSource::Encoding::kBf16) {
    ref.source->ReadBf16(ref.row, 1, row.bf16s.data());
  } else {
    ref.source->ReadFloat(ref.row, 1, row.floats.data());
    for (int64_t i = 0; i < inputs; ++i) row.bf16s[i] = ToBf16(row.floats[i]);
  }
  auto* out = reinterpret_cast<bf16*>(panel) + 2 * n;
  for (int64_t i = 0; i < inputs; ++i) out[i / 2 * 2 * kPanelCols + i % 2] = row.bf16s[i];
}

void PackInt8Row(const RowRef& ref, int n, RowBuffers& row, int64_t inputs, uint8_t* panel, float* scale,
                 int32_t* sum) {
  if (ref.source->encoding() == WeightSource::Encoding::kInt8) {
    ref.source->ReadCodes(ref.row, 1, row.codes.data(), scale);
  } else {
    ref.source->ReadFloat(ref.row, 1, row.floats.data());
    *scale = RoundToInt8(row.floats.data(), inputs, row.codes.data());
  }
  auto* out = reinterpret_cast<int8_t*>(panel) + 4 * n;
  *sum = 0;
  for (int64_t i = 0; i < inputs; ++i) {
    out[i / 4 * 4 * kPanelCols + i % 4] = row.codes[i];
    *sum += row.codes[i];
  }
}

// One group's 32 codes of column n into their nibbles.
void PutNibbles(const int8_t* codes, int n, uint8_t* group) {
  for (int i = 0; i < 16; ++i) {
    const auto low = static_cast<uint8_t>(codes[i] + 8);
    const auto high = static_cast<uint8_t>(codes[i + 16] + 8);
    group[(i / 4 * kPanelCols + n) * 4 + i % 4] = static_cast<uint8_t>(low | (high << 4));
  }
}

void ReadInt4Row(const RowRef& ref, RowBuffers& row, int64_t k) {
  std::fill(row.codes.begin(), row.codes.end(), int8_t{0});
  std::fill(row.floats.begin(), row.floats.end(), 0.0f);
  const int64_t group = ref.source->encoding() == WeightSource::Encoding::kInt4 ? ref.source->group_size() : 0;
  if (group >= kInt4Group && group % kInt4Group == 0) {
    ref.source->ReadCodes(ref.row, 1, row.codes.data(), row.scales.data());
    const int64_t repeat = group / kInt4Group;  // a wider group's scale serves several of ours
    for (int64_t g = k / kInt4Group - 1; g >= 0; --g) row.scales[g] = row.scales[g / repeat];
    return;
  }
  ref.source->ReadFloat(ref.row, 1, row.floats.data());
  for (int64_t g = 0; g < k / kInt4Group; ++g) {
    row.scales[g] = RoundToInt4(row.floats.data() + g * kInt4Group, row.codes.data() + g * kInt4Group);
  }
}

void PackInt4Row(const RowRef& ref, int n, RowBuffers& row, int64_t k, uint8_t* panel, float* weighted_sum) {
  ReadInt4Row(ref, row, k);
  float total = 0;
  for (int64_t g = 0; g < k / kInt4Group; ++g) {
    uint8_t* group = panel + g * kInt4GroupBytes;
    const int8_t* codes = row.codes.data() + g * kInt4Group;
    PutNibbles(codes, n, group);
    const uint16_t half = FloatToHalf(row.scales[g]);
    std::memcpy(group + kInt4ScalesAt + 2 * n, &half, 2);
    int32_t sum = 0;
    for (int i = 0; i < kInt4Group; ++i) sum += codes[i];
    total += HalfToFloat(half) * static_cast<float>(sum);
  }
  *weighted_sum = total;
}

// Rows row_of(first .. first + kPanelCols) into a panel, one row at a time.
void PackRows(PackedWeight& w, const PerOutput& out, int64_t p, const std::function<RowRef(int64_t)>& row_of,
              uint8_t* panel) {
  RowBuffers row(w.k);
  for (int n = 0; n < kPanelCols; ++n) {
    const int64_t column = p * kPanelCols + n;
    const RowRef ref = column < w.outputs ? row_of(column) : RowRef{};
    if (ref.source == nullptr) {
      if (w.format() == WeightFormat::kW4A8) {  // code 0 is stored as 8
        const int8_t zeros[kInt4Group] = {};
        for (int64_t g = 0; g < w.k / kInt4Group; ++g) PutNibbles(zeros, n, panel + g * kInt4GroupBytes);
      }
      continue;
    }
    PUNA_CHECK(ref.source->cols() == w.inputs) << ref.source->name();
    switch (w.format()) {
      case WeightFormat::kBf16:
        PackBf16Row(ref, n, row, w.inputs, panel);
        break;
      case WeightFormat::kW8A8:
        PackInt8Row(ref, n, row, w.inputs, panel, &out.scales[column], &out.sums[column]);
        break;
      case WeightFormat::kW4A8:
        PackInt4Row(ref, n, row, w.k, panel, &out.weighted_sums[column]);
        break;
      case WeightFormat::kGroups:
        PUNA_CHECK(false) << "packed a panel at a time";
    }
  }
}

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
                  ThreadTeam& team) {
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
      PackRows(w, out, p, row_of, panel);
    }
  }));
  failure.Rethrow();
  w.data = SharedArray<uint8_t>(std::move(data));
  w.scales = SharedArray<float>(std::move(scales));
  w.sums = SharedArray<int32_t>(std::move(sums));
  w.weighted_sums = SharedArray<float>(std::move(weighted_sums));
  return w;
}

void PackedWeight::ReadRow(int64_t row, float* out) const {
  const uint8_t* source = panel(row / kPanelCols);
  const auto n = static_cast<int>(row % kPanelCols);
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
