#include "engine/layers/packed_blob.h"

#include "engine/base/check.h"

namespace puna::engine {
namespace {

constexpr size_t kAlignment = 64;

size_t Padded(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

struct PartSizes {
  size_t data, scales, sums, weighted_sums, order;
};

PartSizes SizesOf(const PackedWeight& w) {
  const auto per_output = static_cast<size_t>(w.panels * kPanelCols) * 4;
  return {.data = static_cast<size_t>(w.panels * w.panel_bytes),
          .scales = w.format() == WeightFormat::kW8A8 ? per_output : 0,
          .sums = w.format() == WeightFormat::kW8A8 ? per_output : 0,
          .weighted_sums = w.format() == WeightFormat::kW4A8 ? per_output : 0,
          .order = w.form.ordered ? static_cast<size_t>(w.inputs) * 4 : 0};
}

}  // namespace

size_t BlobBytes(const WeightForm& form, int64_t outputs, int64_t inputs) {
  const PartSizes sizes = SizesOf(EmptyWeight(form, outputs, inputs));
  return Padded(sizes.data) + Padded(sizes.scales) + Padded(sizes.sums) + Padded(sizes.weighted_sums) +
         Padded(sizes.order);
}

std::vector<std::span<const std::byte>> BlobParts(const PackedWeight& w) {
  const auto bytes = [](const auto& array) {
    return std::span(reinterpret_cast<const std::byte*>(array.data()), array.bytes());
  };
  return {bytes(w.data), bytes(w.scales), bytes(w.sums), bytes(w.weighted_sums), bytes(w.order)};
}

PackedWeight MapBlob(const WeightForm& form, int64_t outputs, int64_t inputs, std::span<const std::byte> blob,
                     const std::shared_ptr<const void>& owner) {
  PUNA_CHECK(blob.size() == BlobBytes(form, outputs, inputs)) << blob.size();
  PUNA_CHECK(reinterpret_cast<uintptr_t>(blob.data()) % kAlignment == 0);
  PackedWeight w = EmptyWeight(form, outputs, inputs);
  const PartSizes sizes = SizesOf(w);
  const std::byte* at = blob.data();
  const auto take = [&]<typename T>(SharedArray<T>& part, size_t bytes) {
    if (bytes > 0) part = SharedArray<T>(owner, reinterpret_cast<const T*>(at), bytes / sizeof(T));
    at += Padded(bytes);
  };
  take(w.data, sizes.data);
  take(w.scales, sizes.scales);
  take(w.sums, sizes.sums);
  take(w.weighted_sums, sizes.weighted_sums);
  take(w.order, sizes.order);
  return w;
}

}  // namespace puna::engine
