// Llama 3.2's pythonic format: [get_weather(city='Paris'), now()].
#pragma once

#include <string_view>

#include "api/tool_calls/call_text.h"

namespace puna::api {

// The whole text is a Python list of one or more calls of plain names with keyword arguments, each
// value a literal: strings (also raw, triple-quoted, next to each other), numbers, True, False,
// None, lists, tuples (become lists), dictionaries (keys become strings as Python's json writes
// them). What Python itself would refuse, what would have to be computed, bytes, sets, f-strings, a
// keyword twice, \N{...} and integers in another base above 64 bits are plain text. Never throws;
// nested at most 100 deep. Source: the Python language reference, chapters 2 and 6.
CallsReading ReadPythonicCalls(std::string_view text);

}  // namespace puna::api
