// Fetches a file into a PartFile, in several ranges at once.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "server/hub/http_client.h"
#include "server/hub/hub_settings.h"
#include "server/hub/part_file.h"

namespace puna::server {

struct DownloadSource {
  std::string url, token;
  std::vector<std::string> headers;
  std::string name;  // for messages
  // What a refusal by the server means, in a sentence with what to do; "": nothing that is known.
  std::function<std::string(int status, const std::string& error_code)> explain = [](int, const std::string&) {
    return "";
  };
};

// Returns when the part file is complete. Each range goes to `url` anew, so that redirects to addresses that expire are asked for
// again; one that breaks off goes on where it was. A server that knows no ranges is read from the beginning. Gives up after 5
// failures without a MiB of progress between them. `progress` is told the bytes that have come since its last call, which are
// negative where what came is of no use.
// Throws HubUnreachable, FetchStopped, or std::runtime_error where the server refuses or the disk does.
void Download(const DownloadSource& source, const HubSettings& settings, const FetchWatch& watch,
              const std::function<void(int64_t)>& progress, PartFile* part);

}  // namespace puna::server
