#include "engine/checkpoint/meta/pickle_machine.h"

#include <algorithm>
#include <utility>

#include "engine/checkpoint/files/checkpoint_fault.h"

namespace puna::engine {
namespace {

using Kind = PickleValue::Kind;

constexpr size_t kMaxValues = 1 << 20;  // a 70B checkpoint needs some 20000

// The opcodes of protocol 2 that torch.save uses; the names are pickletools'.
enum Opcode : uint8_t {
  kMark = '(',
  kStop = '.',
  kBinInt = 'J',
  kBinInt1 = 'K',
  kBinInt2 = 'M',
  kLong1 = 0x8a,
  kBinFloat = 'G',
  kNone = 'N',
  kNewTrue = 0x88,
  kNewFalse = 0x89,
  kBinUnicode = 'X',
  kEmptyTuple = ')',
  kTuple = 't',
  kTuple1 = 0x85,
  kTuple2 = 0x86,
  kTuple3 = 0x87,
  kEmptyDict = '}',
  kSetItem = 's',
  kSetItems = 'u',
  kEmptyList = ']',
  kAppend = 'a',
  kAppends = 'e',
  kBinPut = 'q',
  kLongBinPut = 'r',
  kBinGet = 'h',
  kLongBinGet = 'j',
  kGlobal = 'c',
  kReduce = 'R',
  kBinPersId = 'Q',
  kBuild = 'b',
  kProto = 0x80,
};

// What a pickle may name. Storage types stay names; the reader of tensors knows them.
bool IsKnownGlobal(const std::string& name) {
  if (name == "collections OrderedDict" || name == "torch._utils _rebuild_tensor_v2") return true;
  return name.starts_with("torch ") && name.ends_with("Storage") && name.find('.') == std::string::npos;
}

}  // namespace

int PickleMachine::Run() {
  if (Take(1) != kProto || Take(1) != 2) Refuse("a pickle of protocol 2", "another");
  for (;;) {
    const auto opcode = static_cast<uint8_t>(Take(1));
    if (opcode == kStop) return Pop();
    Step(opcode);
  }
}

void PickleMachine::Refuse(const std::string& expected, const std::string& found) const {
  Throw({.path = path_,
         .item = "byte " + std::to_string(at_) + " of the pickle",
         .expected = expected,
         .found = found,
         .remedy = "the file is damaged or holds more than tensors, and running what it names is not safe: get it from "
                   "its source again"});
}

uint64_t PickleMachine::Take(size_t width) {
  if (program_.size() - at_ < width) Refuse("more bytes", "the end");
  uint64_t value = 0;
  for (size_t i = width; i > 0; --i) value = value << 8 | static_cast<uint64_t>(program_[at_ + i - 1]);
  at_ += width;
  return value;
}

std::string PickleMachine::TakeText(uint64_t size) {
  if (program_.size() - at_ < size) Refuse("more bytes", "the end");
  std::string text(reinterpret_cast<const char*>(program_.data()) + at_, size);
  at_ += size;
  return text;
}

std::string PickleMachine::TakeLine() {
  const auto rest = program_.subspan(at_);
  const auto end = std::find(rest.begin(), rest.end(), std::byte{'\n'});
  if (end == rest.end()) Refuse("a line", "the end");
  std::string line = TakeText(static_cast<uint64_t>(end - rest.begin()));
  ++at_;
  return line;
}

int PickleMachine::Add(PickleValue value) {
  if (values_.size() >= kMaxValues) Refuse("at most " + std::to_string(kMaxValues) + " values", "more");
  values_.push_back(std::move(value));
  return static_cast<int>(values_.size()) - 1;
}

int PickleMachine::Top() {
  const size_t floor = marks_.empty() ? 0 : marks_.back();
  if (stack_.size() <= floor) Refuse("a value on the stack", "none");
  return stack_.back();
}

int PickleMachine::Pop() {
  const int value = Top();
  stack_.pop_back();
  return value;
}

std::vector<int> PickleMachine::PopToMark() {
  if (marks_.empty()) Refuse("a mark", "none");
  std::vector<int> items(stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back()), stack_.end());
  stack_.resize(marks_.back());
  marks_.pop_back();
  return items;
}

void PickleMachine::Step(uint8_t opcode) {
  if (StepScalar(opcode) || StepMemo(opcode) || StepContainer(opcode)) return;
  switch (opcode) {
    case kMark:
      return marks_.push_back(stack_.size());
    case kGlobal:
      return PushGlobal();
    case kReduce:
      return Reduce();
    case kBuild:
      return Build();
    case kBinPersId: {
      const PickleValue& id = values_[static_cast<size_t>(Pop())];
      if (id.kind != Kind::kTuple || id.items.size() != 5) Refuse("a tuple of 5 as persistent id", "another value");
      return PushNew({.kind = Kind::kStorage, .number = 0, .text = {}, .items = id.items});
    }
    default:
      Refuse("an opcode that torch.save writes for tensors", "opcode " + std::to_string(opcode));
  }
}

bool PickleMachine::StepScalar(uint8_t opcode) {
  switch (opcode) {
    case kBinInt:
      PushInt(static_cast<int32_t>(Take(4)));
      return true;
    case kBinInt1:
      PushInt(static_cast<int64_t>(Take(1)));
      return true;
    case kBinInt2:
      PushInt(static_cast<int64_t>(Take(2)));
      return true;
    case kLong1:
      PushLong();
      return true;
    case kBinFloat:
      Take(8);  // no tensor needs one: kept as a value without a number
      PushNew({.kind = Kind::kFloat, .number = 0, .text = {}, .items = {}});
      return true;
    case kNone:
      PushNew({});
      return true;
    case kNewTrue:
    case kNewFalse:
      PushNew({.kind = Kind::kBool, .number = opcode == kNewTrue, .text = {}, .items = {}});
      return true;
    case kBinUnicode: {
      const uint64_t size = Take(4);
      PushNew({.kind = Kind::kString, .number = 0, .text = TakeText(size), .items = {}});
      return true;
    }
    default:
      return false;
  }
}

bool PickleMachine::StepMemo(uint8_t opcode) {
  switch (opcode) {
    case kBinPut:
      Memoize(Take(1));
      return true;
    case kLongBinPut:
      Memoize(Take(4));
      return true;
    case kBinGet:
    case kLongBinGet: {
      const uint64_t slot = Take(opcode == kBinGet ? 1 : 4);
      if (slot >= memo_.size() || memo_[slot] < 0) Refuse("a memo slot that was filled", std::to_string(slot));
      Push(memo_[slot]);
      // A GET costs no value; the stack is bounded as the values are.
      if (stack_.size() > 4 * kMaxValues) Refuse("a shorter stack", std::to_string(stack_.size()) + " values");
      return true;
    }
    default:
      return false;
  }
}

void PickleMachine::Memoize(uint64_t slot) {
  if (slot >= kMaxValues) Refuse("a memo slot below " + std::to_string(kMaxValues), std::to_string(slot));
  if (slot >= memo_.size()) memo_.resize(slot + 1, -1);
  memo_[slot] = Top();
}

bool PickleMachine::StepContainer(uint8_t opcode) {
  switch (opcode) {
    case kEmptyTuple:
      PushTuple(0);
      return true;
    case kTuple1:
      PushTuple(1);
      return true;
    case kTuple2:
      PushTuple(2);
      return true;
    case kTuple3:
      PushTuple(3);
      return true;
    case kTuple:
      PushNew({.kind = Kind::kTuple, .number = 0, .text = {}, .items = PopToMark()});
      return true;
    case kEmptyDict:
      PushNew({.kind = Kind::kDict, .number = 0, .text = {}, .items = {}});
      return true;
    case kEmptyList:
      PushNew({.kind = Kind::kList, .number = 0, .text = {}, .items = {}});
      return true;
    case kSetItems:
      AddItems(Kind::kDict, PopToMark());
      return true;
    case kAppends:
      AddItems(Kind::kList, PopToMark());
      return true;
    case kAppend:
      AddItems(Kind::kList, {Pop()});
      return true;
    case kSetItem: {
      const int value = Pop();
      const int key = Pop();
      AddItems(Kind::kDict, {key, value});
      return true;
    }
    default:
      return false;
  }
}

void PickleMachine::PushTuple(size_t size) {
  std::vector<int> items(size);
  for (size_t i = size; i > 0; --i) items[i - 1] = Pop();
  PushNew({.kind = Kind::kTuple, .number = 0, .text = {}, .items = std::move(items)});
}

void PickleMachine::AddItems(Kind kind, const std::vector<int>& items) {
  PickleValue& container = values_[static_cast<size_t>(Top())];
  if (container.kind != kind) Refuse(kind == Kind::kDict ? "a dict" : "a list", "another value");
  if (kind == Kind::kDict && items.size() % 2 != 0) Refuse("keys with values", "a key without");
  container.items.insert(container.items.end(), items.begin(), items.end());
}

void PickleMachine::PushLong() {
  const uint64_t size = Take(1);
  if (size > 8) Refuse("a number of at most 64 bits", std::to_string(size) + " bytes");
  uint64_t value = Take(size);
  if (size > 0 && size < 8 && (value >> (8 * size - 1) & 1)) value |= ~uint64_t{0} << (8 * size);
  PushInt(static_cast<int64_t>(value));
}

void PickleMachine::PushGlobal() {
  const std::string module = TakeLine();
  const std::string name = module + " " + TakeLine();
  if (!IsKnownGlobal(name)) Refuse("only tensors, torch's storages and OrderedDict", Printable(name));
  PushNew({.kind = Kind::kGlobal, .number = 0, .text = name, .items = {}});
}

void PickleMachine::Reduce() {
  const int arguments = Pop();
  const PickleValue& callee = values_[static_cast<size_t>(Pop())];
  const PickleValue& tuple = values_[static_cast<size_t>(arguments)];
  if (callee.kind != Kind::kGlobal || tuple.kind != Kind::kTuple) Refuse("a known type and a tuple", "other values");
  if (callee.text == "collections OrderedDict") {
    if (!tuple.items.empty()) Refuse("an empty OrderedDict", "one with arguments");
    return PushNew({.kind = Kind::kDict, .number = 0, .text = {}, .items = {}});
  }
  if (callee.text != "torch._utils _rebuild_tensor_v2") Refuse("a tensor or an OrderedDict", Printable(callee.text));
  if (tuple.items.size() > 7) Refuse("at most 7 arguments of a tensor", std::to_string(tuple.items.size()));
  PushNew({.kind = Kind::kTensor, .number = 0, .text = {}, .items = tuple.items});
}

// torch.save of a state_dict sets the OrderedDict's attribute _metadata, which says nothing about the tensors.
void PickleMachine::Build() {
  Pop();
  if (values_[static_cast<size_t>(Top())].kind != Kind::kDict)
    Refuse("attributes of an OrderedDict", "of another value");
}

}  // namespace puna::engine
