#include "server/store/packed_items.h"

#include "api/endpoints/stored_items.h"
#include "server/store/database.h"
#include "server/store/packed_text.h"

namespace puna::server {

std::string PackItems(const std::vector<api::ResponseItem>& items) { return PackText(api::ItemsToStore(items)); }

std::vector<api::ResponseItem> UnpackItems(const std::string& packed) {
  if (packed.empty()) return {};
  const std::optional<std::string> text = UnpackText(packed);
  if (!text) throw DatabaseError(SQLITE_CORRUPT, "a text in it is not what was written");
  return api::ItemsFromStore(*text);
}

}  // namespace puna::server
