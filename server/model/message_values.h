// A conversation's messages as a chat template sees them: values, straight from what the request's reader made of the body.
#pragma once

#include <vector>

#include "api/fields/message.h"
#include "api/template/json_value.h"

namespace puna::server {

// [{"role", "content", ...}], all of it untrusted. Arguments of calls become dicts, a blank text an empty one; what is no JSON
// object (a call that was cut) stays a string. Throws api::TemplateError for JSON that is nested too deep.
api::jinja::Value MessageValues(const std::vector<api::Message>& messages);

}  // namespace puna::server
