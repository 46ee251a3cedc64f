// A framed head as cpp-httplib reads it: the method it knows, the path and the query decoded, the fields by name.
#pragma once

#include <httplib.h>

#include <memory>

#include "server/http/request_head.h"

namespace puna::server {

// Null: the library does not know the method.
std::shared_ptr<const httplib::Request> ReadHead(const RequestHead& head);

}  // namespace puna::server
