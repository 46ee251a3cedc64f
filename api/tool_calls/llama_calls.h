// The tool-call formats of Llama 3.1, 3.2 and 3.3, and Hermes': whole texts. Streaming is
// tool_call_parser.h's. Rule for all: when any part of what looks like calls does not parse, the
// whole output is plain text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/tool_calls/call_text.h"
#include "api/tool_calls/tool_format.h"

namespace puna::api {

// What is a call only when the whole text is: one JSON object or several, separated by semicolons
// or white space, each with a string `name` and one object `parameters` or `arguments`; a pythonic
// list; NAME.call(query="...").
CallsReading ReadWholeCalls(std::string_view text);

// How the text at the '<' of a function tag goes on: kCalls when <function=NAME> is complete, with
// `end` behind it.
Verdict MatchFunctionTag(std::string_view text, size_t at, size_t& end);

// <function=NAME>{...}</function>, one or more, with any text around; the last closing tag may be
// missing. `first`: where the first tag begins.
CallsReading ReadFunctionTags(std::string_view text, size_t& first);

// <tool_call>{"name", "arguments"}</tool_call>, one or more; the last closing tag may be missing.
CallsReading ReadHermesCalls(std::string_view text, size_t& first);

struct ModelOutput {
  std::string content;  // the text before the calls, without trailing white space; all text when
                        // there are none
  std::vector<CallText> calls;
};
// Tries the formats in the order whole text (after <|python_tag|> when it is there), function tags.
ModelOutput ReadLlamaOutput(std::string_view text);
ModelOutput ReadHermesOutput(std::string_view text);

}  // namespace puna::api
