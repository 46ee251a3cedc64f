// From the form in which OpenAI's clients send messages to the form that chat templates expect.
#pragma once

#include "api/template/value.h"

namespace puna::api {

// Of a list of messages:
// 1. a content that is a list of text parts, and nothing else, becomes their texts joined with a newline;
// 2. a content that is null becomes the empty string (a template would print None);
// 3. the arguments of a tool call given as a JSON text are parsed; a blank text gives an empty dict. Everything else,
// and the order of all keys, stays as it is. Throws TemplateError that names the message when arguments are no JSON,
// and when messages is not a list of dicts.
jinja::Value NormaliseMessages(const jinja::Value& messages);

// The tools with one type in place of a list that has it beside null: ["string", "null"] is "string". A longer list only
// loses null.
jinja::Value WithoutNullTypes(const jinja::Value& tools);

}  // namespace puna::api
