// FormatPercent of python_ops.h: "%s of %d" % values.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "api/template/python_ops.h"
#include "api/template/python_text.h"

namespace puna::api::jinja {
namespace {

constexpr int64_t kMaxWidth = 10000;  // of one field; anything wider is a mistake

struct Field {
  bool left = false, plus = false, space = false, zero = false, alternate = false;
  int64_t width = 0;
  int64_t precision = -1;
  char conversion = 's';
};

class PercentFormatter {
 public:
  PercentFormatter(const Value& format, const Value& values)
      : format_(format.text()), bytes_(format.bytes()), values_(values) {
    if (values.IsList() && values.list().flavour == ListFlavour::kTuple) {
      arguments_ = values.shared_list();
    }
  }

  Value Format() {
    while (at_ < bytes_.size()) {
      const size_t percent = std::min(bytes_.find('%', at_), bytes_.size());
      out_.AppendRange(format_, at_, percent);
      at_ = percent;
      if (at_ < bytes_.size()) FormatField();
    }
    // Python takes what has items for a mapping, which need not be used.
    const bool mapping = values_.IsDict() || values_.IsList() || values_.IsUndefined();
    const bool leftover = arguments_ != nullptr ? next_ < arguments_->items.size() : next_ == 0 && !mapping;
    if (leftover) Fail("not all arguments converted during string formatting");
    return Value::String(std::move(out_));
  }

 private:
  char Peek() const {
    if (at_ >= bytes_.size()) Fail("incomplete format");
    return bytes_[at_];
  }

  const Value& NextArgument() {
    if (arguments_ != nullptr) {
      if (next_ >= arguments_->items.size()) Fail("not enough arguments for format string");
      return arguments_->items[next_++];
    }
    if (next_++ > 0) Fail("not enough arguments for format string");
    return values_;
  }

  const Value* ReadName() {
    if (Peek() != '(') return nullptr;
    const size_t end = bytes_.find(')', at_);
    if (end == bytes_.npos) Fail("incomplete format key");
    const std::string name = bytes_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    if (!values_.IsDict()) Fail("format requires a mapping");
    const Value* found = values_.dict().Find(std::string_view(name));
    if (found == nullptr) Fail("the format's key '" + name + "' is not there");
    ++next_;
    return found;
  }

  int64_t ReadNumber() {
    if (Peek() == '*') {
      ++at_;
      return std::clamp(ToIndex(NextArgument(), "* wants int"), -kMaxWidth, kMaxWidth);
    }
    int64_t number = 0;
    while (Peek() >= '0' && Peek() <= '9') {
      number = std::min(number * 10 + (bytes_[at_++] - '0'), kMaxWidth + 1);
    }
    if (number > kMaxWidth) Fail("a format's width or precision is too large");
    return number;
  }

  void FormatField() {
    ++at_;
    if (Peek() == '%') {
      out_.AppendRange(format_, at_, at_ + 1);
      ++at_;
      return;
    }
    const Value* value = ReadName();
    Field field;
    for (;; ++at_) {
      const char c = Peek();
      if (c == '-')
        field.left = true;
      else if (c == '+')
        field.plus = true;
      else if (c == ' ')
        field.space = true;
      else if (c == '0')
        field.zero = true;
      else if (c == '#')
        field.alternate = true;
      else
        break;
    }
    field.width = ReadNumber();
    if (field.width < 0) {
      field.left = true;
      field.width = -field.width;
    }
    if (Peek() == '.') {
      ++at_;
      field.precision = std::max<int64_t>(0, ReadNumber());
    }
    field.conversion = Peek();
    ++at_;
    Put(field, value != nullptr ? *value : NextArgument());
  }

  void Put(const Field& field, const Value& value) {
    TrackedText text;
    switch (field.conversion) {
      case 's':
        AppendStr(text, value);
        break;
      case 'r':
      case 'a':
        AppendRepr(text, value);
        break;
      case 'd':
      case 'i':
      case 'u':
        return PutNumber(field, Whole(value));
      case 'x':
      case 'X':
      case 'o':
        return PutNumber(field, Based(field, ToIndex(value, "%x format")));
      case 'e':
      case 'E':
      case 'f':
      case 'F':
      case 'g':
      case 'G':
        return PutNumber(field, Real(field, value));
      default:
        Fail(std::string("unsupported format character '") + field.conversion + "'");
    }
    if (field.precision >= 0 && static_cast<size_t>(field.precision) < text.length()) {
      text = text.Substring(0, text.OffsetOf(static_cast<size_t>(field.precision)));
    }
    Pad(field, text);
  }

  void Pad(const Field& field, const TrackedText& text) {
    const auto width = static_cast<size_t>(field.width);
    const std::string fill(width > text.length() ? width - text.length() : 0, ' ');
    if (!field.left) out_.Append(fill, false);
    out_.Append(text);
    if (field.left) out_.Append(fill, false);
  }

  static std::string Whole(const Value& value) {
    if (value.kind() == Kind::kFloat) {
      const double d = value.float_value();
      if (!std::isfinite(d) || std::abs(d) > 9e18) Fail("%d format: the number is not a 64-bit integer");
      return std::to_string(static_cast<int64_t>(d));
    }
    if (value.kind() == Kind::kBigInt) return value.digits();
    if (!IsNumber(value)) {
      Fail(std::string("%d format: a real number is required, not ") + TypeName(value));
    }
    return std::to_string(ToIndex(value, "%d format"));
  }

  static std::string Based(const Field& field, int64_t value) {
    const unsigned long long magnitude =
        value < 0 ? 0ULL - static_cast<unsigned long long>(value) : static_cast<unsigned long long>(value);
    char digits[32];
    const char* form = field.conversion == 'x' ? "%llx" : field.conversion == 'X' ? "%llX" : "%llo";
    std::snprintf(digits, sizeof digits, form, magnitude);
    const std::string prefix = !field.alternate ? "" : std::string("0") + field.conversion;
    return (value < 0 ? "-" : "") + prefix + digits;
  }

  static std::string Real(const Field& field, const Value& value) {
    if (!IsNumber(value)) Fail(std::string("must be real number, not ") + TypeName(value));
    const std::string form = std::string("%.*") + field.conversion;
    const int precision = field.precision < 0 ? 6 : static_cast<int>(std::min<int64_t>(field.precision, 400));
    char digits[800];
    std::snprintf(digits, sizeof digits, form.c_str(), precision, ToDouble(value));
    return digits;
  }

  void PutNumber(const Field& field, std::string digits) {
    std::string sign;
    if (digits[0] == '-') {
      sign = "-";
      digits.erase(0, 1);
    } else if (field.plus || field.space) {
      sign = field.plus ? "+" : " ";
    }
    const bool whole = field.conversion == 'd' || field.conversion == 'i' || field.conversion == 'u';
    if (whole && field.precision > static_cast<int64_t>(digits.size())) {
      digits.insert(0, static_cast<size_t>(field.precision) - digits.size(), '0');
    }
    const size_t size = sign.size() + digits.size();
    if (field.zero && !field.left && static_cast<size_t>(field.width) > size) {
      digits.insert(0, static_cast<size_t>(field.width) - size, '0');
    }
    Pad(field, TrackedText(sign + digits, false));
  }

  const TrackedText& format_;
  const std::string& bytes_;
  const Value& values_;
  std::shared_ptr<const ListObject> arguments_;  // of a tuple; otherwise values_ is the one argument
  size_t next_ = 0;
  size_t at_ = 0;
  TrackedText out_;
};

}  // namespace

Value FormatPercent(const Value& format, const Value& values) { return PercentFormatter(format, values).Format(); }

}  // namespace puna::api::jinja
