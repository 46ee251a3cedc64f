// The types of GGUF tensors, each with its layout as ggml-common.h and ggml-quants.c define it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "engine/kernels/group_form.h"

namespace puna::engine {

inline constexpr uint32_t kGgufF32 = 0, kGgufF16 = 1, kGgufBf16 = 30;

struct GgufType {
  uint32_t type;
  const char* name;
  int64_t block;                  // elements, along a row
  size_t bytes;                   // of a block
  std::optional<GroupForm> form;  // none: plain numbers
  // Takes `blocks` blocks that follow each other apart: codes, scales and what else the form has, as ReadGroups gives them.
  void (*unpack)(const std::byte* from, int64_t blocks, const GroupRows& to);
};

const GgufType* FindGgufType(uint32_t type);  // null: not one that we read
std::string GgufTypeNames();                  // "F32, F16, ..."
std::string GgufTypeName(uint32_t type);      // of the others, too: "IQ2_XS", or "type 99"

}  // namespace puna::engine
