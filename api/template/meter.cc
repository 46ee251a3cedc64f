#include "api/template/meter.h"

#include <string>
#include <utility>

#include "api/template/template_error.h"

namespace puna::api::jinja {
namespace {

[[noreturn]] void FailLimit(const std::string& message) { throw TemplateError(TemplateError::Kind::kLimit, message); }

}  // namespace

void Meter::Grow(size_t bytes) {
  if (bytes > limits_.max_memory || memory_ + bytes > limits_.max_memory) {
    FailLimit("the template needs more than " + std::to_string(limits_.max_memory) + " bytes of memory");
  }
  memory_ += bytes;
}

void Meter::FailSteps() const {
  FailLimit("the template runs for more than " + std::to_string(limits_.max_steps) + " steps");
}

Charge::Charge(Charge&& other) noexcept : meter_(other.meter_), bytes_(std::exchange(other.bytes_, 0)) {}

Charge& Charge::operator=(Charge other) noexcept {
  std::swap(meter_, other.meter_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

Charge::~Charge() {
  if (meter_ != nullptr) meter_->Shrink(bytes_);
}

void Charge::Set(size_t bytes) {
  if (meter_ != nullptr && bytes > bytes_) {
    meter_->Grow(bytes - bytes_);
  } else if (meter_ != nullptr) {
    meter_->Shrink(bytes_ - bytes);
  }
  bytes_ = bytes;
}

DepthGuard::DepthGuard(Meter* meter) : meter_(meter) {
  if (meter == nullptr) return;
  const auto here = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  if (meter->depth_ == 0) meter->stack_base_ = here;
  const size_t used = here < meter->stack_base_ ? meter->stack_base_ - here : here - meter->stack_base_;
  if (meter->depth_ >= kMaxDepth || used > kMaxStackBytes) FailLimit("maximum recursion depth exceeded");
  ++meter->depth_;
}

DepthGuard::~DepthGuard() {
  if (meter_ != nullptr) --meter_->depth_;
}

}  // namespace puna::api::jinja
