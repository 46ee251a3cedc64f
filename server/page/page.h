// GET /: the page for people who open the server's address in a browser. It is made of constant files without any data, which
// need no key; whatever it shows it asks of the API, with the key that its user gives.
#pragma once

#include <string>
#include <string_view>

#include "server/http/router.h"

namespace puna::server {

// Adds the page and what it loads. A program that asks / for anything but HTML is answered by `others`; where that is empty it is
// told that nothing is there, as without the page. `prefix`: --path-prefix; a browser that asks for it without a slash behind it is
// sent to the one with it.
void AddPage(Router& router, const Handler& others = {}, const std::string& prefix = "");

// Whether an Accept field asks for HTML by name, and not less than for JSON. Browsers do; programs say JSON, */* or nothing.
bool PrefersHtml(std::string_view accept);

// Whether an Accept-Encoding field allows gzip.
bool AcceptsGzip(std::string_view accept_encoding);

}  // namespace puna::server
