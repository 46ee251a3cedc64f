// The formats of strings that JSON Schema names.
#pragma once

#include <string>

#include "engine/grammar/automata/grammar.h"

namespace puna::engine {

struct StringFormat {
  const char* pattern;          // of the whole text
  int max_length = kUnbounded;  // in characters, as the pattern has it already
};

// Each is the whole language of its RFC: 3339 (date, time, date-time, duration; leap seconds only at UTC), 5321 and 6531
// (email, idn-email; names of hosts without bounds, as validators have it), 1123 (hostname: 253 characters, of which every
// name of up to 4 labels, of 8 labels of up to 30 characters, of 20 of up to 11, and of one long label among short ones is
// in the pattern), 2673 and 4291 (ipv4, ipv6), 4122 (uuid), 3986 (uri, uri-reference), 3987 (iri, iri-reference), 6570
// (uri-template), 6901 (json-pointer, relative-json-pointer). Null: not one that can be enforced.
const StringFormat* FindFormat(const std::string& name);

// A format of numbers, as OpenAPI and Rust's and Go's writers name them: it says nothing that the type does not say.
bool IsNumberFormat(const std::string& name);

}  // namespace puna::engine
