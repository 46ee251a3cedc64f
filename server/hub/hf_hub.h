// What a Hugging Face hub (HF_ENDPOINT) says about a repository.
#pragma once

#include <string>
#include <vector>

#include "server/hub/choose_files.h"
#include "server/hub/http_client.h"
#include "server/hub/model_name.h"

namespace puna::server {

struct HubRevision {
  std::string commit;  // 40 hexadecimal digits
  std::vector<HubFile> files;
};

// The commit that the name's revision stands for now, and its files with sizes and checksums; names that would leave the folder
// they are put into are left out. Throws HubUnreachable, or std::runtime_error with what to do: what cannot be found, who must
// accept which licence where, which token is missing.
HubRevision AskHub(const HttpClient& http, const HubSettings& settings, const ModelName& name);

// Where a file of that commit is to be had.
std::string ResolveUrl(const HubSettings& settings, const ModelName& name, const std::string& commit,
                       const std::string& path);

// What the hub's refusal means; "": nothing that is known. `error_code` is X-Error-Code.
std::string ExplainRefusal(const HubSettings& settings, const ModelName& name, int status,
                           const std::string& error_code);

}  // namespace puna::server
