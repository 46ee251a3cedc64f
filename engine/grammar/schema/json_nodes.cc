#include "engine/grammar/schema/json_nodes.h"

#include "engine/grammar/automata/char_set.h"

namespace puna::engine {
namespace {

void Dump(const Json& value, std::string& out) {
  const char* separator = "";
  if (value.is_object()) {
    out += '{';
    for (const auto& [key, member] : value.items()) {
      out += separator + Json(key).dump() + ": ";
      Dump(member, out);
      separator = ", ";
    }
    out += '}';
  } else if (value.is_array()) {
    out += '[';
    for (const Json& item : value) {
      out += separator;
      Dump(item, out);
      separator = ", ";
    }
    out += ']';
  } else {
    out += value.dump();
  }
}

}  // namespace

std::string DumpJson(const Json& value) {
  std::string out;
  Dump(value, out);
  return out;
}

JsonNodes::JsonNodes(GrammarBuilder& builder) : b_(builder), char_(MakeChar()), values_(kMaxDepth + 1, -1) {}

NodeId JsonNodes::MakeChar() {
  const NodeId ascii = CharNode({{0x20, 0x21}, {0x23, 0x5B}, {0x5D, 0x7F}}, CharEncoding::kUtf8, b_);
  const NodeId others = CharNode({{0x80, CharSet::kMaxChar}}, CharEncoding::kUtf8, b_);
  ByteSet letters, hex, not_d, high, low;
  for (const char c : std::string("\"\\/bfnrt")) letters.set(static_cast<uint8_t>(c));
  for (const char c : std::string("0123456789abcdefABCDEF")) hex.set(static_cast<uint8_t>(c));
  not_d = hex;
  not_d.reset('d').reset('D');
  for (const char c : std::string("89abAB")) high.set(static_cast<uint8_t>(c));
  for (const char c : std::string("cdefCDEF")) low.set(static_cast<uint8_t>(c));
  ByteSet d, below_8;
  d.set('d').set('D');
  for (char c = '0'; c <= '7'; ++c) below_8.set(static_cast<uint8_t>(c));
  const NodeId x = b_.Bytes(hex);
  // Any unit that is no surrogate, or a pair of them.
  const NodeId unit =
      b_.Choice({b_.Sequence({b_.Bytes(not_d), x, x, x}), b_.Sequence({b_.Bytes(d), b_.Bytes(below_8), x, x})});
  const NodeId pair =
      b_.Sequence({b_.Bytes(d), b_.Bytes(high), x, x, b_.Literal("\\u"), b_.Bytes(d), b_.Bytes(low), x, x});
  const NodeId escape = b_.Sequence(
      {b_.Literal("\\"), b_.Choice({b_.Bytes(letters), b_.Sequence({b_.Literal("u"), b_.Choice({unit, pair})})})});
  const NodeId json_char = b_.Choice({ascii, others, escape});
  b_.MarkJsonChar(json_char, ascii);
  return json_char;
}

NodeId JsonNodes::Quoted(NodeId characters) { return b_.Sequence({b_.Literal("\""), characters, b_.Literal("\"")}); }

NodeId JsonNodes::String(int min_chars, int max_chars) { return Quoted(b_.Repeat(char_, min_chars, max_chars)); }

NodeId JsonNodes::Integer() {
  return b_.Sequence({b_.Optional(b_.Literal("-")),
                      b_.Choice({b_.Literal("0"), b_.Sequence({b_.Range('1', '9'), Digits(0, kIntegerDigits - 1)})})});
}

NodeId JsonNodes::Number() {
  ByteSet e, sign;
  e.set('e').set('E');
  sign.set('+').set('-');
  const NodeId exponent = b_.Sequence({b_.Bytes(e), b_.Optional(b_.Bytes(sign)), Digits(1, 2)});
  return b_.Sequence(
      {Integer(), b_.Optional(b_.Sequence({b_.Literal("."), Digits(1, kFractionDigits)})), b_.Optional(exponent)});
}

NodeId JsonNodes::Boolean() { return b_.Choice({b_.Literal("true"), b_.Literal("false")}); }

NodeId JsonNodes::Array(NodeId item, int min, int max) {
  if (max == 0) return b_.Literal("[]");
  const int more = max == kUnbounded ? kUnbounded : max - 1;
  const NodeId items = b_.Sequence({item, b_.Repeat(b_.Sequence({Comma(), item}), min > 0 ? min - 1 : 0, more)});
  return b_.Sequence({b_.Literal("["), min > 0 ? items : b_.Optional(items), b_.Literal("]")});
}

NodeId JsonNodes::AnyValue(int depth) {
  if (values_[depth] >= 0) return values_[depth];
  std::vector<NodeId> branches{String(0, kUnbounded), Number(), Boolean(), Null()};
  if (depth > 0) {
    branches.push_back(Array(AnyValue(depth - 1), 0, kUnbounded));
    branches.push_back(AnyObject(depth));
  } else {
    branches.push_back(b_.Literal("[]"));
    branches.push_back(b_.Literal("{}"));
  }
  return values_[depth] = b_.Choice(std::move(branches));
}

NodeId JsonNodes::AnyObject(int depth) {
  const NodeId member = b_.Sequence({Key(String(0, kUnbounded)), AnyValue(depth - 1)});
  const NodeId members = b_.Sequence({member, b_.Repeat(b_.Sequence({Comma(), member}), 0, kUnbounded)});
  return b_.Sequence({b_.Literal("{"), b_.Optional(members), b_.Literal("}")});
}

}  // namespace puna::engine
