#include "engine/layers/matmul_peak.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <oneapi/dnnl/dnnl.hpp>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/base/aligned_buffer.h"

namespace puna::engine {
namespace {

constexpr int kRounds = 3;

double Seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

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

double BestRate(ThreadTeam& team, Matmul::Type a, Matmul::Type b, Matmul::Type c) {
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

dnnl::cpu_isa OnednnIsa(Isa isa) {
  switch (isa) {
    case Isa::kAvx2:
      return dnnl::cpu_isa::avx2;
    case Isa::kAvx2Vnni:
      return dnnl::cpu_isa::avx2_vnni;
    case Isa::kAvx512:
      return dnnl::cpu_isa::avx512_core_vnni;
    case Isa::kAvx512Bf16:
      return dnnl::cpu_isa::isa_default;
    default:
      return dnnl::cpu_isa::sse41;  // its lowest
  }
}

}  // namespace

double MatmulPeak(MatmulTypes types, ThreadTeam& team) {
  using Type = Matmul::Type;
  switch (types) {
    case MatmulTypes::kBf16:
      return BestRate(team, Type::bf16, Type::bf16, Type::f32);
    case MatmulTypes::kFloat32:
      return BestRate(team, Type::f32, Type::f32, Type::f32);
    case MatmulTypes::kInt8:
      return BestRate(team, Type::u8, Type::s8, Type::s32);
  }
  return 0;
}

void LimitPeaksTo(Isa isa) {
  if (isa >= DetectIsa() || isa == Isa::kAvx512Bf16) return;
  if (dnnl::set_max_cpu_isa(OnednnIsa(isa)) != dnnl::status::success) {
    throw std::runtime_error("oneDNN is in use already and cannot be kept to " + std::string(Name(isa)) + " any more");
  }
}

}  // namespace puna::engine
