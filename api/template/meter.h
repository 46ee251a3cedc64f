// What one rendering may use: steps, memory and depth. A template comes from a model's folder and the values from a
// client; neither may take the server's time, memory or stack.
#pragma once

#include <cstddef>
#include <cstdint>

namespace puna::api {

struct RenderLimits {
  // Evaluated nodes, loop rounds and list items, and one for each 32 bytes of text copied. 50 million take about a
  // second.
  size_t max_steps = 50'000'000;
  // Bytes held at one time by the strings, lists and dicts that the template makes.
  size_t max_memory = 256u << 20;
  // Bytes of one text, the prompt included.
  size_t max_text = 64u << 20;
};

namespace jinja {

// Nested evaluations, values and JSON levels; Python's own limit is 1000 frames.
inline constexpr int kMaxDepth = 2000;
// Stack that the nested calls may take, whatever the depth. The address sanitizer makes frames several times larger.
#if defined(__has_feature)
#define PUNA_TEMPLATE_HAS_FEATURE(feature) __has_feature(feature)
#else
#define PUNA_TEMPLATE_HAS_FEATURE(feature) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || PUNA_TEMPLATE_HAS_FEATURE(address_sanitizer)
inline constexpr size_t kMaxStackBytes = 4u << 20;
#else
inline constexpr size_t kMaxStackBytes = 1u << 20;
#endif
#undef PUNA_TEMPLATE_HAS_FEATURE
// Levels of lists and dicts inside each other.
inline constexpr int kMaxValueDepth = 512;

// Of one rendering, on one thread. Whatever makes values or takes time is given it, as a pointer: null is what happens outside of
// a rendering (a request's JSON becoming values), which is bounded by the size of what comes in. Values charged to a
// meter must not outlive it.
class Meter {
 public:
  explicit Meter(const RenderLimits& limits) : limits_(limits) {}
  Meter(const Meter&) = delete;
  Meter& operator=(const Meter&) = delete;

  // All throw TemplateError (kLimit) past the bound.
  void Step(size_t steps) {
    steps_ += steps;
    if (steps_ > limits_.max_steps) FailSteps();
  }
  void Grow(size_t bytes);
  void Shrink(size_t bytes) { memory_ -= bytes; }

  size_t steps() const { return steps_; }
  size_t memory() const { return memory_; }
  const RenderLimits& limits() const { return limits_; }

 private:
  friend class DepthGuard;
  [[noreturn]] void FailSteps() const;

  RenderLimits limits_;
  size_t steps_ = 0;
  size_t memory_ = 0;
  int depth_ = 0;
  uintptr_t stack_base_ = 0;  // where the outermost level stands
};

inline void Spend(Meter* meter, size_t steps) {
  if (meter != nullptr) meter->Step(steps);
}
// Steps for touching this many bytes of text.
inline void SpendBytes(Meter* meter, size_t bytes) { Spend(meter, 1 + bytes / 32); }

// The memory of one object, given back at its end. A copy is charged to the same meter.
class Charge {
 public:
  explicit Charge(Meter* meter) : meter_(meter) {}
  Charge(const Charge& other) : meter_(other.meter_) { Set(other.bytes_); }
  Charge(Charge&& other) noexcept;
  Charge& operator=(Charge other) noexcept;
  ~Charge();

  void Set(size_t bytes);
  size_t bytes() const { return bytes_; }
  Meter* meter() const { return meter_; }

 private:
  Meter* meter_;
  size_t bytes_ = 0;
};

// One level of nesting; throws TemplateError (kLimit, "maximum recursion depth exceeded").
class DepthGuard {
 public:
  explicit DepthGuard(Meter* meter);
  ~DepthGuard();
  DepthGuard(const DepthGuard&) = delete;
  DepthGuard& operator=(const DepthGuard&) = delete;

 private:
  Meter* meter_;
};

}  // namespace jinja
}  // namespace puna::api
