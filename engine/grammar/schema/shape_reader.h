// Reads what one schema says into a shape.
#pragma once

#include <string>
#include <vector>

#include "engine/grammar/schema/shape.h"

namespace puna::engine {

class ShapeReader {
 public:
  ShapeReader(const SchemaAt& at, const SchemaDocument& document, Shape& shape)
      : at_(at), document_(document), s_(shape) {}

  // All of it, or the one keyword that counts, or its contrary.
  void Read();

 private:
  const Json* Find(const char* keyword) const;
  void Lose(const std::string& keyword, const std::string& reason) const { document_.Lose(at_, keyword, reason); }
  Place PlaceOf(const std::string& keyword) const { return {keyword, at_.path, document_.compilation()}; }

  bool ReadFlag(const char* keyword) const;
  std::optional<int> Count(const char* keyword) const;
  void RaiseMin(const char* keyword, int& min) const;
  void LowerMax(const char* keyword, int& max) const;
  std::optional<long double> Number(const char* keyword) const;
  std::optional<Regex> Pattern(const std::string& text, RegexScope scope, const char* keyword) const;

  void ReadTypes();
  std::optional<unsigned> Types() const;
  std::optional<ValueSet> Values(const char* keyword) const;
  bool KeepsDigits(const Json& value) const;
  void ReadStrings();
  void ReadFormat(const std::string& name);
  void ReadNumbers();
  void ReadLimit(const char* keyword, const char* exclusive, bool lower);
  void Limit(long double value, bool exclusive, bool lower);
  void ReadMultiple();
  void ReadArrays();
  std::optional<ArrayRule> ReadItems() const;
  void ReadPlaces(const char* keyword, ArrayRule& rule) const;
  void ReadContains();
  void ReadObjects();
  void ReadRequired();
  std::vector<std::pair<std::string, SchemaAt>> ReadMembers(const char* keyword) const;

  void ReadUnevaluated();

  void ReadNegated();
  void ReadNegatedBound();
  void ReadNegatedItems();
  void ReadNegatedPlace();

  const SchemaAt& at_;
  const SchemaDocument& document_;
  Shape& s_;
};

}  // namespace puna::engine
