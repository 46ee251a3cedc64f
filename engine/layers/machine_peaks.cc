#include "engine/layers/machine_peaks.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <oneapi/dnnl/dnnl.hpp>
#include <unordered_map>
#include <vector>

#include "engine/base/aligned_buffer.h"

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

}  // namespace

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
  return MatmulPeak(team_, Type::bf16, Type::bf16, Type::f32);
}

double MachineMeter::Int8Peak() {
  using Type = dnnl::memory::data_type;
  return MatmulPeak(team_, Type::u8, Type::s8, Type::s32);
}

}  // namespace puna::engine
