// What a response had come to, from the events that it gave.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "api/endpoints/responses_items.h"

namespace puna::api {

struct PastEvents {
  std::vector<ResponseItem> output;
  bool open = false;  // the last item of it was still being written
  int64_t next_number = 0;
};

// `events`: framed, as ResponseBuilder gives them. Throws std::exception for anything else.
PastEvents ReadPastEvents(std::string_view events);

}  // namespace puna::api
