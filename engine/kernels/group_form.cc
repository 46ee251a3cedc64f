#include "engine/kernels/group_form.h"

#include <algorithm>

namespace puna::engine {
namespace {

constexpr int kOutputs = 64;  // of a panel
constexpr int kTwoLevelColumns = 256;

using Code = GroupForm::Code;
using Scale = GroupForm::Scale;
using Base = GroupForm::Base;

const char* Name(Code code) {
  switch (code) {
    case Code::kInt4:
      return "int4";
    case Code::kInt5:
      return "int5";
    case Code::kInt6:
      return "int6";
    case Code::kInt8:
      return "int8";
    case Code::kIq4:
      return "iq4";
    case Code::kNf4:
      return "nf4";
    case Code::kE4M3:
      return "e4m3";
  }
  return "?";
}

int LevelBytes(Scale scale) { return scale == Scale::kFloat ? 4 : scale == Scale::kHalf ? 2 : 1; }

}  // namespace

bool IsFloat(Code code) { return code == Code::kNf4 || code == Code::kE4M3; }

int CodeBits(Code code) {
  switch (code) {
    case Code::kInt4:
    case Code::kIq4:
    case Code::kNf4:
      return 4;
    case Code::kInt5:
      return 5;
    case Code::kInt6:
      return 6;
    case Code::kInt8:
    case Code::kE4M3:
      return 8;
  }
  return 0;
}

int CodeOffset(Code code) { return code == Code::kIq4 ? 128 : 1 << (CodeBits(code) - 1); }

int CodeBytes(Code code) { return CodeBits(code) * 4; }

bool IsValid(const GroupForm& form) {
  if ((form.code == Code::kIq4 || IsFloat(form.code)) && form.base != Base::kOffset) return false;
  if (IsFloat(form.code) && form.scale == Scale::kTwoLevel) return false;
  if (form.scale == Scale::kTwoLevel) return (form.group == 16 || form.group == 32) && form.base != Base::kZero;
  return form.group == 32 || form.group == 64 || form.group == 128;
}

std::string Name(const GroupForm& form) {
  std::string name = Name(form.code) + ("/" + std::to_string(form.group));
  if (form.scale == Scale::kTwoLevel) name += " k";
  if (form.scale == Scale::kFloat) name += " f32";
  if (form.base == Base::kMinimum) name += " min";
  if (form.base == Base::kZero) name += " zero";
  return name;
}

std::optional<GroupForm> GroupFormOf(std::string_view name) {
  for (const Code code : {Code::kInt4, Code::kInt5, Code::kInt6, Code::kInt8, Code::kIq4, Code::kNf4, Code::kE4M3}) {
    for (const int group : {16, 32, 64, 128}) {
      for (const Scale scale : {Scale::kHalf, Scale::kFloat, Scale::kTwoLevel}) {
        for (const Base base : {Base::kOffset, Base::kMinimum, Base::kZero}) {
          const GroupForm form{code, group, scale, base};
          if (IsValid(form) && Name(form) == name) return form;
        }
      }
    }
  }
  return std::nullopt;
}

int CellColumns(const GroupForm& form) { return std::max(form.group, 32); }

int UnitColumns(const GroupForm& form) { return form.scale == Scale::kTwoLevel ? kTwoLevelColumns : CellColumns(form); }

UnitParts PartsOf(const GroupForm& form) {
  const bool two_level = form.scale == Scale::kTwoLevel;
  const int64_t values = int64_t{CellColumns(form)} / form.group * kOutputs;
  const int64_t levels = values * LevelBytes(form.scale);
  UnitParts parts;
  parts.cells = !two_level ? 0 : form.base == Base::kMinimum ? 2 * kUnitMinimums : kUnitMinimums;
  parts.block = int64_t{CodeBytes(form.code)} * kOutputs;
  parts.scales = parts.block * (CellColumns(form) / 32);
  parts.minimums = parts.scales + levels;
  parts.cell = parts.minimums + (form.base == Base::kMinimum ? levels : form.base == Base::kZero ? values : 0);
  parts.bytes = parts.cells + parts.cell * (UnitColumns(form) / CellColumns(form));
  return parts;
}

}  // namespace puna::engine
