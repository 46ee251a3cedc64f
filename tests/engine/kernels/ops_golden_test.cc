// Each operation against float64 results, on every instruction set; elementwise ones also give the same bits on all.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numbers>

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

// The last queries.shape[0] positions of a sequence whose keys and values lie in blocks, one kv head at a time.
std::vector<float> PagedAttentionOf(const AttentionKernels& kernels, const Array& q, const Array& k, const Array& v,
                                    bool int8) {
  const int64_t queries = q.shape[0], heads = q.shape[1], d = q.shape[2], keys = k.shape[0], kv_heads = k.shape[1];
  const int64_t group = heads / kv_heads;
  std::vector<float> y(q.data.size());
  for (int64_t g = 0; g < kv_heads; ++g) {
    std::vector<std::vector<bf16>> storage((keys + 15) / 16, std::vector<bf16>(KvBlockElements(static_cast<int>(d))));
    std::vector<std::vector<uint8_t>> codes(storage.size(),
                                            std::vector<uint8_t>(KvBlockBytesInt8(static_cast<int>(d))));
    std::vector<float> k_scales(storage.size() * 16), v_scales(storage.size() * 16);
    std::vector<const bf16*> key_blocks, value_blocks;
    const auto block_at = [&](size_t b) -> KvBlock {
      if (int8) return {codes[b].data(), codes[b].data() + 16 * d, codes[b].data() + 32 * d};
      auto* keys_at = reinterpret_cast<uint8_t*>(storage[b].data());
      return {keys_at, keys_at + 32 * d, nullptr};
    };
    for (int64_t p = 0; p < keys; ++p) {
      const float* key = &k.data[(p * kv_heads + g) * d];
      const float* value = &v.data[(p * kv_heads + g) * d];
      (int8 ? kernels.store_kv_int8 : kernels.store_kv)(key, value, d, static_cast<int>(p % 16), block_at(p / 16));
    }
    for (size_t b = 0; int8 && b < codes.size(); ++b) {
      const KvBlock block = block_at(b), first = block_at(0);
      const ConstKvBlock next{first.keys, first.values, first.scales};
      kernels.unpack_int8({block.keys, block.values, block.scales}, b % 2 ? &next : nullptr, d, storage[b].data(),
                          &k_scales[b * 16], &v_scales[b * 16]);
    }
    for (const auto& block : storage) {
      key_blocks.push_back(block.data());
      value_blocks.push_back(block.data() + 16 * d);
    }
    const int rows = static_cast<int>(queries * group);
    std::vector<bf16> q_rows(rows * d), weights(rows * kSpan);
    std::vector<float> scores(rows * kSpan), max(rows), sum(rows), acc(rows * d);
    std::vector<int32_t> visible(rows);
    for (int r = 0; r < rows; ++r) {
      const float* from = &q.data[(r / group * heads + g * group + r % group) * d];
      for (int64_t i = 0; i < d; ++i) {
        q_rows[r * d + i] =
            ToBf16(from[i] * static_cast<float>(std::numbers::log2e / std::sqrt(static_cast<double>(d))));
      }
      visible[r] = static_cast<int32_t>(keys - queries + 1 + r / group);
    }
    SpanTask task;
    task.q = q_rows.data();
    task.rows = rows;
    task.head_dim = static_cast<int>(d);
    task.keys = key_blocks.data();
    task.values = value_blocks.data();
    task.num_positions = static_cast<int>(keys);
    if (int8) {
      task.k_scales = k_scales.data();
      task.v_scales = v_scales.data();
    }
    task.visible = visible.data();
    task.scores = scores.data();
    task.weights = weights.data();
    task.max = max.data();
    task.sum = sum.data();
    task.acc = acc.data();
    kernels.attend_span(task);
    for (int r = 0; r < rows; ++r) {
      float* to = &y[(r / group * heads + g * group + r % group) * d];
      for (int64_t i = 0; i < d; ++i) to[i] = acc[r * d + i] / sum[r];
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

}  // namespace
}  // namespace puna::engine
