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

// While it lives it is the meter of this thread; values made meanwhile are charged to it and must not outlive it.
class Meter {
 public:
  explicit Meter(const RenderLimits& limits);
  ~Meter();
  Meter(const Meter&) = delete;
  Meter& operator=(const Meter&) = delete;

  static Meter* Current();

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
  [[noreturn]] void FailSteps() const;

  RenderLimits limits_;
  size_t steps_ = 0;
  size_t memory_ = 0;
  Meter* previous_;
};

// Charges the thread's meter, if there is one.
void Spend(size_t steps);
// Steps for touching this many bytes of text.
inline void SpendBytes(size_t bytes) { Spend(1 + bytes / 32); }

// The memory of one object: charged to the meter that was current at the first Set, given back at the end.
class Charge {
 public:
  Charge() = default;
  Charge(const Charge& other) { Set(other.bytes_); }
  Charge(Charge&& other) noexcept;
  Charge& operator=(Charge other) noexcept;
  ~Charge();

  void Set(size_t bytes);
  size_t bytes() const { return bytes_; }

 private:
  Meter* meter_ = nullptr;
  size_t bytes_ = 0;
};

// One level of nesting on this thread; throws TemplateError (kLimit, "maximum recursion depth exceeded").
class DepthGuard {
 public:
  DepthGuard();
  ~DepthGuard();
  DepthGuard(const DepthGuard&) = delete;
  DepthGuard& operator=(const DepthGuard&) = delete;
};

}  // namespace jinja
}  // namespace puna::api
