#include "engine/layers/machine_peaks.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <oneapi/dnnl/dnnl.hpp>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/base/aligned_buffer.h"
#include "engine/kernels/gemm.h"
#include "engine/layers/packed_weight.h"

namespace puna::engine {
namespace {

double Seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// One thread's share of the buffer, in eight chains so that the loads and not the additions are the limit.
uint64_t Sum(const uint64_t* p, int64_t n) {
  uint64_t sums[8] = {};
  for (int64_t i = 0; i < n; i += 8) {
    for (int j = 0; j < 8; ++j) sums[j] += p[i + j];
  }
  return sums[0] + sums[1] + sums[2] + sums[3] + sums[4] + sums[5] + sums[6] + sums[7];
}

constexpr int64_t kWords = int64_t{1} << 27;  // 1 GiB
constexpr int64_t kPiece = int64_t{1} << 18;  // 2 MiB a task
constexpr int kRounds = 3;
constexpr int64_t kDepth = 3072;  // of a panel

// A matmul and operands of one thread's own.
class Matmul {
 public:
  using Type = dnnl::memory::data_type;
  Matmul(const dnnl::engine& engine, int64_t m, int64_t n, int64_t k, Type a, Type b, Type c) : stream_(engine) {
    using dnnl::memory;
    const memory::desc a_desc({m, k}, a, memory::format_tag::ab);
    const memory::desc b_desc({k, n}, b, memory::format_tag::any);
    const memory::desc c_desc({m, n}, c, memory::format_tag::ab);
    dnnl::primitive_attr attr;
    attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    const dnnl::matmul::primitive_desc desc(engine, a_desc, b_desc, c_desc, attr);
    matmul_ = dnnl::matmul(desc);
    for (const auto& [arg, md] : {std::pair{DNNL_ARG_SRC, desc.src_desc()},
                                  {DNNL_ARG_WEIGHTS, desc.weights_desc()},
                                  {DNNL_ARG_DST, desc.dst_desc()},
                                  {DNNL_ARG_SCRATCHPAD, desc.scratchpad_desc()}}) {
      buffers_.emplace_back(md.get_size() + 64);
      args_.insert({arg, memory(md, engine, buffers_.back().data())});
    }
    operations_ = 2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  }

  void Run() {
    matmul_.execute(stream_, args_);
    stream_.wait();
  }
  double operations() const { return operations_; }

 private:
  dnnl::stream stream_;
  dnnl::matmul matmul_;
  std::vector<AlignedBuffer<uint8_t>> buffers_;
  std::unordered_map<int, dnnl::memory> args_;
  double operations_ = 0;
};

struct Shape {
  int64_t m, n, k;
};

double ShapeRate(const dnnl::engine& engine, const Shape& s, ThreadTeam& team, Matmul::Type a, Matmul::Type b,
                 Matmul::Type c) {
  std::vector<Matmul> own;
  for (int thread = 0; thread < team.size(); ++thread) own.emplace_back(engine, s.m, s.n, s.k, a, b, c);
  double best = 0;
  const int repeat = static_cast<int>(std::max(1.0, 2e10 / own[0].operations()));
  for (int round = 0; round < kRounds; ++round) {  // the first round warms up
    const double start = Seconds();
    team.ForEach(team.size(), [&](int64_t task, int) {
      for (int i = 0; i < repeat; ++i) own[task].Run();
    });
    const double rate = own[0].operations() * repeat * team.size() / (Seconds() - start);
    if (round > 0) best = std::max(best, rate);
  }
  return best;
}

double MatmulPeak(ThreadTeam& team, Matmul::Type a, Matmul::Type b, Matmul::Type c) {
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  double best = 0;
  for (const Shape& s :
       {Shape{128, 1024, 3072}, Shape{256, 1024, 3072}, Shape{512, 512, 3072}, Shape{128, 512, 8192}}) {
    try {
      best = std::max(best, ShapeRate(engine, s, team, a, b, c));
    } catch (const dnnl::error&) {
      return 0;  // this processor has no such matmul
    }
  }
  return best;
}

template <typename A, typename W, typename Y>
double PanelRate(const PanelProduct<A, W, Y>& product, int64_t panel_bytes, ThreadTeam& team) {
  constexpr int kRows = 96;

  constexpr int kRepeat = 50;
  const std::vector<A> zeros(kRows * kDepth);
  const std::vector<uint8_t> rows = Arranged(product, zeros.data(), kRows, kDepth);
  std::vector<AlignedBuffer<uint8_t>> panels;
  std::vector<AlignedBuffer<Y>> results;
  for (int thread = 0; thread < team.size(); ++thread) {
    panels.emplace_back(panel_bytes);
    results.emplace_back(kRows * kPanelCols);
  }
  double best = 0;
  for (int round = 0; round < kRounds; ++round) {
    const double start = Seconds();
    team.ForEach(team.size(), [&](int64_t task, int) {
      for (int i = 0; i < kRepeat; ++i) {
        product.multiply(rows.data(), kRows, reinterpret_cast<const W*>(panels[task].data()), kDepth,
                         results[task].data(), kPanelCols);
      }
    });
    const double operations = 2.0 * kRows * kDepth * kPanelCols * kRepeat * team.size();
    best = std::max(best, operations / (Seconds() - start));
  }
  return best;
}

dnnl::cpu_isa OnednnIsa(Isa isa) {
  switch (isa) {
    case Isa::kScalar:
      return dnnl::cpu_isa::sse41;  // its lowest
    case Isa::kAvx2:
      return dnnl::cpu_isa::avx2;
    case Isa::kAvx2Vnni:
      return dnnl::cpu_isa::avx2_vnni;
    case Isa::kAvx512:
      return dnnl::cpu_isa::avx512_core_vnni;
    case Isa::kAvx512Bf16:
      return dnnl::cpu_isa::isa_default;
  }
  return dnnl::cpu_isa::isa_default;
}

}  // namespace

double ReadRate(std::span<const std::span<const uint8_t>> pieces, ThreadTeam& team) {
  constexpr size_t kRun = kPiece * sizeof(uint64_t);
  std::vector<const uint64_t*> runs;
  for (const auto& piece : pieces) {
    for (size_t at = 0; at + kRun <= piece.size(); at += kRun) {
      runs.push_back(reinterpret_cast<const uint64_t*>(piece.data() + at));
    }
  }
  std::atomic<uint64_t> sink{0};
  const double start = Seconds();
  team.ForEach(std::ssize(runs), [&](int64_t i, int) { sink += Sum(runs[i], kPiece); });
  return sink.load() != 0 ? static_cast<double>(runs.size() * kRun) / (Seconds() - start) : 0;
}

void LimitPeaksTo(Isa isa) {
  if (isa >= DetectIsa() || isa == Isa::kAvx512Bf16) return;
  if (dnnl::set_max_cpu_isa(OnednnIsa(isa)) != dnnl::status::success) {
    throw std::runtime_error("oneDNN is in use already and cannot be kept to " + std::string(Name(isa)) + " any more");
  }
}

MachineMeter::MachineMeter(int threads) : team_(threads), buffer_(kWords) {
  team_.ForEach(kWords / kPiece, [&](int64_t i, int) { std::fill_n(buffer_.data() + i * kPiece, kPiece, 1); });
}

double MachineMeter::ReadBandwidth() {
  double best = 0;
  std::atomic<uint64_t> sink{0};
  for (int round = 0; round < kRounds; ++round) {
    const double start = Seconds();
    team_.ForEach(kWords / kPiece, [&](int64_t i, int) { sink += Sum(buffer_.data() + i * kPiece, kPiece); });
    best = std::max(best, kWords * 8.0 / (Seconds() - start));
  }
  return sink.load() != 0 ? best : 0;
}

double MachineMeter::Bf16Peak() {
  using Type = dnnl::memory::data_type;
  const double peak = has_bf16_ ? MatmulPeak(team_, Type::bf16, Type::bf16, Type::f32) : 0;
  has_bf16_ = peak > 0;
  return peak;
}

double MachineMeter::FloatPeak() {
  using Type = dnnl::memory::data_type;
  const double peak = Bf16Peak();
  return peak > 0 ? peak : MatmulPeak(team_, Type::f32, Type::f32, Type::f32);
}

double MachineMeter::Int8Peak() {
  using Type = dnnl::memory::data_type;
  return MatmulPeak(team_, Type::u8, Type::s8, Type::s32);
}

double MachineMeter::PanelPeak(WeightFormat format, Isa isa) {
  const int64_t panel_bytes = EmptyWeight(format, kPanelCols, kDepth).panel_bytes;
  const GemmKernels& kernels = GetGemmKernels(isa);
  switch (format) {
    case WeightFormat::kBf16:
      return PanelRate(kernels.bf16_panel, panel_bytes, team_);
    case WeightFormat::kW8A8:
      return PanelRate(kernels.int8_panel, panel_bytes, team_);
    case WeightFormat::kW4A8:
      return PanelRate(kernels.int4_panel, panel_bytes, team_);
    case WeightFormat::kGroups:
      return 0;  // a family, not one kernel
  }
  return 0;
}

}  // namespace puna::engine
