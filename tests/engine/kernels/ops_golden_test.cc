// Each operation against float64 results, on every instruction set; elementwise ones also give the same bits on all.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numbers>
#include <random>

#include "engine/kernels/attention.h"
#include "engine/kernels/elementwise.h"
#include "tests/support/npy.h"
#include "tests/support/shared_data.h"

namespace puna::engine {
namespace {

using nlohmann::json;
using Array = testing::Npy<float>;

// The cases of one operation: name, facts and arrays.
class Cases {
 public:
  explicit Cases(std::string op) : op_(std::move(op)), folder_(testing::SharedPath("golden/models/ops/")) {
    const json all = json::parse(std::ifstream(folder_ + "ops.json"));
    for (const json& c : all["cases"]) {
      if (c["op"] == op_) list.push_back(c);
    }
    REQUIRE(!list.empty());
  }
  Array Read(const json& c, const std::string& array) const {
    return testing::ReadNpy<float>(folder_ + op_ + "." + c["name"].get<std::string>() + "." + array + ".npy");
  }
  std::vector<json> list;

 private:
  std::string op_, folder_;
};

// All instruction sets' results of `compute`, which must have the same bits.
std::vector<float> OnEveryIsa(size_t size, const std::function<void(const ElementwiseKernels&, float*)>& compute) {
  std::vector<float> want(size);
  compute(GetElementwiseKernels(Isa::kScalar), want.data());
  for (const Isa isa : AvailableIsas()) {
    CAPTURE(std::string(Name(isa)));
    std::vector<float> got(size);
    compute(GetElementwiseKernels(isa), got.data());
    CHECK(std::memcmp(got.data(), want.data(), size * sizeof(float)) == 0);
  }
  return want;
}

TEST_CASE("RMSNorm") {
  if (!testing::HaveShared("golden/models/ops")) return;
  const Cases cases("rms_norm");
  for (const json& c : cases.list) {
    const Array x = cases.Read(c, "x"), weight = cases.Read(c, "weight"), y = cases.Read(c, "y");
    const int64_t n = x.shape[1];
    const auto got = OnEveryIsa(x.data.size(), [&](const ElementwiseKernels& k, float* out) {
      for (int64_t r = 0; r < x.shape[0]; ++r) k.rms_norm(&x.data[r * n], weight.data.data(), n, 1e-5f, out + r * n);
    });
    for (int64_t r = 0; r < x.shape[0]; ++r) {
      float top = 1e-30f;
      for (int64_t i = 0; i < n; ++i) top = std::max(top, std::abs(y.data[r * n + i]));
      for (int64_t i = 0; i < n; ++i) REQUIRE(std::abs(got[r * n + i] - y.data[r * n + i]) <= 1e-6f * top);
    }
  }
}

TEST_CASE("SiLU times up") {
  if (!testing::HaveShared("golden/models/ops")) return;
  const Cases cases("silu_mul");
  for (const json& c : cases.list) {
    const Array gate = cases.Read(c, "gate"), up = cases.Read(c, "up"), y = cases.Read(c, "y");
    const auto n = static_cast<int64_t>(y.data.size());
    const auto got = OnEveryIsa(y.data.size(), [&](const ElementwiseKernels& k, float* out) {
      k.silu_mul(gate.data.data(), up.data.data(), n, out);
    });
    for (int64_t i = 0; i < n; ++i) {
      CAPTURE(gate.data[i]);
      REQUIRE(std::abs(got[i] - y.data[i]) <= std::max(1e-6f * std::abs(y.data[i]), 1e-30f));
    }
  }
}

TEST_CASE("Walsh-Hadamard transform") {
  if (!testing::HaveShared("golden/models/ops")) return;
  const Cases cases("hadamard");
  for (const json& c : cases.list) {
    const Array x = cases.Read(c, "x"), y = cases.Read(c, "y");
    const int64_t n = x.shape[1];
    const auto got = OnEveryIsa(x.data.size(), [&](const ElementwiseKernels& k, float* out) {
      std::copy(x.data.begin(), x.data.end(), out);
      for (int64_t r = 0; r < x.shape[0]; ++r) k.fwht(out + r * n, n);
    });
    for (size_t i = 0; i < got.size(); ++i) REQUIRE(std::abs(got[i] - y.data[i]) <= 3e-6f);
  }
}

TEST_CASE("RoPE in halves") {
  if (!testing::HaveShared("golden/models/ops")) return;
  const Cases cases("rope");
  for (const json& c : cases.list) {
    const Array x = cases.Read(c, "x"), cos = cases.Read(c, "cos"), sin = cases.Read(c, "sin"),
                y = cases.Read(c, "y_half");
    const int64_t heads = x.shape[1], d = x.shape[2];
    const auto got = OnEveryIsa(x.data.size(), [&](const ElementwiseKernels& k, float* out) {
      std::copy(x.data.begin(), x.data.end(), out);
      for (int64_t row = 0; row < x.shape[0] * heads; ++row) {
        k.rope(out + row * d, &cos.data[row / heads * d / 2], &sin.data[row / heads * d / 2], d, 1.0f);
      }
    });
    for (size_t i = 0; i < got.size(); ++i) REQUIRE(std::abs(got[i] - y.data[i]) <= 2e-6f);
  }
}

TEST_CASE("activations rounded to int8") {
  if (!testing::HaveShared("golden/models/ops")) return;
  const Cases cases("act_quant");
  for (const json& c : cases.list) {
    const Array x = cases.Read(c, "x");
    const int64_t n = x.shape[1];
    const auto zero = testing::ReadNpy<int32_t>(testing::SharedPath("golden/models/ops/act_quant.") +
                                                c["name"].get<std::string>() + ".asym_zero.npy");
    for (const bool asymmetric : {false, true}) {
      const std::string prefix = asymmetric ? "asym_" : "sym_";
      const Array scale = cases.Read(c, prefix + "scale"), want = cases.Read(c, prefix + "dequantised");
      for (const Isa isa : AvailableIsas()) {
        const ElementwiseKernels& k = GetElementwiseKernels(isa);
        int off = 0;
        for (int64_t r = 0; r < x.shape[0]; ++r) {
          std::vector<int8_t> q(n);
          const RowQuant row = (asymmetric ? k.quantize_asymmetric : k.quantize_symmetric)(&x.data[r * n], n, q.data());
          CHECK(std::abs(row.scale - scale.data[r]) <= 1e-6f * scale.data[r]);
          if (asymmetric) CHECK(row.zero == zero.data[r]);
          for (int64_t i = 0; i < n; ++i) {
            const float error = std::abs(row.scale * static_cast<float>(q[i] - row.zero) - want.data[r * n + i]);
            off += error > 1e-5f * std::max(1.0f, std::abs(want.data[r * n + i])) + 1e-12f;
            CHECK(error <= 1.01f * row.scale);
          }
        }
        CHECK(off <= static_cast<int>(x.data.size() / 1000 + 1));
      }
    }
  }
}

// One kv head's context in blocks, as PagedAttention lays it out.
struct HeadCache {
  HeadCache(int num_positions, int64_t d, bool int8)
      : codes_bytes(16 * d * (int8 ? 1 : 2)),
        block_bytes(2 * codes_bytes + 128),
        bytes((num_positions + 15) / 16 * block_bytes, 0x7f) {
    for (int b = 0; b * 16 < num_positions; ++b) {
      const uint8_t* block = bytes.data() + b * block_bytes;
      keys.push_back(block);
      values.push_back(block + codes_bytes);
      k_scales.push_back(reinterpret_cast<const float*>(block + 2 * codes_bytes));
      v_scales.push_back(k_scales.back() + 16);
    }
  }
  KvBlock block(int b) {
    uint8_t* at = bytes.data() + b * block_bytes;
    return {at, at + codes_bytes, at + 2 * codes_bytes};
  }
  int64_t codes_bytes, block_bytes;
  std::vector<uint8_t> bytes;
  std::vector<const uint8_t*> keys, values;
  std::vector<const float*> k_scales, v_scales;
};

// Query rows [rows, d], already scaled, against the head's positions; row r may see visible[r] of them. Where `fetch`, something
// is fetched meanwhile. Returns max, sum and acc of all rows, one after another.
std::vector<float> AttendOneSpan(const AttentionKernels& kernels, HeadCache& cache, const std::vector<float>& q,
                                 int64_t d, std::vector<int32_t> visible, int num_positions, bool int8, bool fetch) {
  const int rows = static_cast<int>(visible.size());
  std::vector<bf16> q_rows(rows * d), weights(rows * kSpan);
  std::vector<int16_t> codes(rows * d), code_weights(rows * kSpan), wide(WideCodes(static_cast<int>(d)) + 32);
  std::vector<float> scores(rows * kSpan), q_scales(rows), factors(rows), result(rows * (d + 2));
  std::vector<const uint8_t*> next(kSpanBlocks, cache.keys[0]);
  const auto common = [&](auto& task) {
    task.rows = rows;
    task.head_dim = static_cast<int>(d);
    task.keys = cache.keys.data();
    task.values = cache.values.data();
    task.next_keys = task.next_values = fetch ? next.data() : nullptr;
    task.num_positions = num_positions;
    task.visible = visible.data();
    task.scores = scores.data();
    task.max = result.data();
    task.sum = result.data() + rows;
    task.acc = result.data() + 2 * rows;
  };
  if (int8) {
    for (int r = 0; r < rows; ++r) q_scales[r] = kernels.round_query(&q[r * d], d, &codes[r * d]);
    Int8SpanTask task;
    common(task);
    task.q = codes.data();
    task.q_scales = q_scales.data();
    task.k_scales = cache.k_scales.data();
    task.v_scales = cache.v_scales.data();
    task.weights = code_weights.data();
    task.factors = factors.data();
    task.wide = wide.data() + (64 - reinterpret_cast<uintptr_t>(wide.data()) % 64) % 64 / 2;
    kernels.attend_span_int8(task);
  } else {
    for (size_t i = 0; i < q.size(); ++i) q_rows[i] = ToBf16(q[i]);
    SpanTask task;
    common(task);
    task.q = q_rows.data();
    task.weights = weights.data();
    kernels.attend_span(task);
  }
  return result;
}

// The last queries.shape[0] positions of a sequence whose keys and values lie in blocks, one kv head at a time.
std::vector<float> PagedAttentionOf(const AttentionKernels& kernels, const Array& q, const Array& k, const Array& v,
                                    bool int8) {
  const int64_t queries = q.shape[0], heads = q.shape[1], d = q.shape[2], keys = k.shape[0], kv_heads = k.shape[1];
  const int64_t group = heads / kv_heads;
  std::vector<float> y(q.data.size());
  for (int64_t g = 0; g < kv_heads; ++g) {
    HeadCache cache(static_cast<int>(keys), d, int8);
    for (int64_t p = 0; p < keys; ++p) {
      const auto store = int8 ? kernels.store_kv_int8 : kernels.store_kv;
      store(&k.data[(p * kv_heads + g) * d], &v.data[(p * kv_heads + g) * d], d, static_cast<int>(p % 16),
            cache.block(static_cast<int>(p / 16)));
    }
    const int rows = static_cast<int>(queries * group);
    std::vector<float> q_rows(rows * d);
    std::vector<int32_t> visible(rows);
    for (int r = 0; r < rows; ++r) {
      const float* from = &q.data[(r / group * heads + g * group + r % group) * d];
      for (int64_t i = 0; i < d; ++i) {
        q_rows[r * d + i] = from[i] * static_cast<float>(std::numbers::log2e / std::sqrt(static_cast<double>(d)));
      }
      visible[r] = static_cast<int32_t>(keys - queries + 1 + r / group);
    }
    const auto got = AttendOneSpan(kernels, cache, q_rows, d, visible, static_cast<int>(keys), int8, false);
    for (int r = 0; r < rows; ++r) {
      float* to = &y[(r / group * heads + g * group + r % group) * d];
      for (int64_t i = 0; i < d; ++i) to[i] = got[2 * rows + r * d + i] / got[rows + r];
    }
  }
  return y;
}

TEST_CASE("attention over blocks") {
  if (!testing::HaveShared("golden/models/ops")) return;
  const Cases cases("attention");
  for (const json& c : cases.list) {
    const Array q = cases.Read(c, "q"), k = cases.Read(c, "k"), v = cases.Read(c, "v"), y = cases.Read(c, "y");
    CAPTURE(c["name"].get<std::string>());
    for (const Isa isa : AvailableIsas()) {
      CAPTURE(std::string(Name(isa)));
      for (const bool int8 : {false, true}) {
        CAPTURE(int8);
        const std::vector<float> got = PagedAttentionOf(GetAttentionKernels(isa), q, k, v, int8);
        float worst = 0;
        for (size_t i = 0; i < got.size(); ++i) worst = std::max(worst, std::abs(got[i] - y.data[i]));
        const float large =
            int8 ? 0.4f : 0.15f;  // scores of hundreds: a code's half step moves them by more than bf16 does
        CHECK(worst <= (c["name"] == "large_scores" ? large : 0.024f));
      }
    }
  }
}

// What integer attention is, in plain words: exact sums of products of codes, and scales in a fixed order.
void ReferenceRow(const HeadCache& cache, const float* q, int64_t d, int visible, double* out) {
  float largest = 0;
  for (int64_t i = 0; i < d; ++i) largest = std::max(largest, std::abs(q[i]));
  const double q_scale = largest / 32767.0;
  std::vector<double> score(visible);
  double max = -1e300, sum = 0;
  for (int p = 0; p < visible; ++p) {
    const auto* codes = reinterpret_cast<const int8_t*>(cache.keys[p / 16]);
    int64_t dot = 0;
    for (int64_t i = 0; i < d; ++i) {
      const auto code = static_cast<int64_t>(std::nearbyint(q_scale > 0 ? q[i] / q_scale : 0.0));
      dot += code * codes[(i / 2 * 16 + p % 16) * 2 + i % 2];
    }
    score[p] = static_cast<double>(dot) * q_scale * cache.k_scales[p / 16][p % 16];
    max = std::max(max, score[p]);
  }
  std::fill_n(out, d, 0.0);
  for (int p = 0; p < visible; ++p) {
    const double weight = std::exp2(score[p] - max);
    sum += weight;
    const auto* codes = reinterpret_cast<const int8_t*>(cache.values[p / 16]);
    for (int64_t i = 0; i < d; ++i) {
      out[i] += weight * cache.v_scales[p / 16][p % 16] * codes[(p % 16 / 2 * d + i) * 2 + p % 2];
    }
  }
  for (int64_t i = 0; i < d; ++i) out[i] /= sum;
}

// Keys and values with large channels, as trained models have them.
HeadCache RandomCache(int num_positions, int64_t d, bool int8, std::mt19937& random) {
  std::normal_distribution<float> normal;
  HeadCache cache(num_positions, d, int8);
  std::vector<float> k(d), v(d);
  const AttentionKernels& kernels = GetAttentionKernels(Isa::kScalar);
  for (int p = 0; p < num_positions; ++p) {
    for (int64_t i = 0; i < d; ++i) {
      k[i] = normal(random) * (i % 29 == 3 ? 8.0f : 1.0f);
      v[i] = normal(random) * (i % 31 == 5 ? 5.0f : 1.0f);
    }
    (int8 ? kernels.store_kv_int8 : kernels.store_kv)(k.data(), v.data(), d, p % 16, cache.block(p / 16));
  }
  return cache;
}

TEST_CASE(
    "attention has the same bits on every set, for any number of rows, and is close to float64 over the same cache") {
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  struct Shape {
    int d, rows, positions;
  };
  std::vector<Shape> shapes = {{64, 3, 256}, {128, 48, 256}, {128, 1, 1}, {96, 7, 77}, {512, 13, 250}, {32, 6, 18}};
  for (int rows = 1; rows <= 13; ++rows) shapes.push_back({128, rows, 19 * rows - 3});
  for (const Shape& shape : shapes) {
    CAPTURE(shape.d);
    CAPTURE(shape.rows);
    CAPTURE(shape.positions);
    for (const bool int8 : {false, true}) {
      CAPTURE(int8);
      HeadCache cache = RandomCache(shape.positions, shape.d, int8, random);
      std::vector<float> q(int64_t{shape.rows} * shape.d);
      for (float& x : q) x = normal(random) * 0.3f;
      std::vector<int32_t> visible(shape.rows);
      for (int r = 0; r < shape.rows; ++r)
        visible[r] = r % 5 == 4 ? 0 : std::max(1, shape.positions - shape.rows / 3 + r / 3);
      if (shape.rows > 2) std::fill_n(q.begin(), shape.d, 0.0f);  // a row of zeros looks at all alike
      const auto want =
          AttendOneSpan(GetAttentionKernels(Isa::kScalar), cache, q, shape.d, visible, shape.positions, int8, false);
      for (const Isa isa : AvailableIsas()) {
        if (!int8 && isa == Isa::kAvx512Bf16) continue;  // its dot product of bf16 rounds in its own way
        CAPTURE(std::string(Name(isa)));
        const auto got =
            AttendOneSpan(GetAttentionKernels(isa), cache, q, shape.d, visible, shape.positions, int8, true);
        CHECK(std::memcmp(got.data(), want.data(), want.size() * sizeof(float)) == 0);
      }
      if (!int8) continue;
      std::vector<double> exact(shape.d);
      double error = 0, size = 0;
      for (int r = 0; r < shape.rows; ++r) {
        const int seen = std::min(visible[r], shape.positions);
        CHECK((want[shape.rows + r] > 0) == (seen > 0));
        if (seen <= 0) continue;
        ReferenceRow(cache, &q[int64_t{r} * shape.d], shape.d, seen, exact.data());
        for (int64_t i = 0; i < shape.d; ++i) {
          const double got = want[2 * shape.rows + r * shape.d + i] / want[shape.rows + r];
          error += (got - exact[i]) * (got - exact[i]);
          size += exact[i] * exact[i];
        }
      }
      CHECK(std::sqrt(error / size) < 5e-4);
    }
  }
}

}  // namespace
}  // namespace puna::engine
