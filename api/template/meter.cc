#include "api/template/meter.h"

#include <string>
#include <utility>

#include "api/template/template_error.h"

namespace puna::api::jinja {
namespace {

thread_local Meter* current_meter = nullptr;
thread_local int depth = 0;
thread_local uintptr_t stack_base = 0;

[[noreturn]] void FailLimit(const std::string& message) { throw TemplateError(TemplateError::Kind::kLimit, message); }

}  // namespace

Meter::Meter(const RenderLimits& limits) : limits_(limits), previous_(current_meter) { current_meter = this; }

Meter::~Meter() { current_meter = previous_; }

Meter* Meter::Current() { return current_meter; }

void Meter::Grow(size_t bytes) {
  if (bytes > limits_.max_memory || memory_ + bytes > limits_.max_memory) {
    FailLimit("the template needs more than " + std::to_string(limits_.max_memory) + " bytes of memory");
  }
  memory_ += bytes;
}

void Meter::FailSteps() const {
  FailLimit("the template runs for more than " + std::to_string(limits_.max_steps) + " steps");
}

void Spend(size_t steps) {
  if (current_meter != nullptr) current_meter->Step(steps);
}

Charge::Charge(Charge&& other) noexcept
    : meter_(std::exchange(other.meter_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

Charge& Charge::operator=(Charge other) noexcept {
  std::swap(meter_, other.meter_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

Charge::~Charge() {
  if (meter_ != nullptr) meter_->Shrink(bytes_);
}

void Charge::Set(size_t bytes) {
  if (meter_ == nullptr) {
    if (current_meter == nullptr) return;
    current_meter->Grow(bytes);
    meter_ = current_meter;
  } else if (bytes > bytes_) {
    meter_->Grow(bytes - bytes_);
  } else {
    meter_->Shrink(bytes_ - bytes);
  }
  bytes_ = bytes;
}

DepthGuard::DepthGuard() {
  const auto here = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  if (depth == 0) stack_base = here;
  const size_t used = here < stack_base ? stack_base - here : here - stack_base;
  if (depth >= kMaxDepth || used > kMaxStackBytes) FailLimit("maximum recursion depth exceeded");
  ++depth;
}

DepthGuard::~DepthGuard() { --depth; }

}  // namespace puna::api::jinja
