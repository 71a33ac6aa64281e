// The catalog has the form in which results are kept, for exports and ingestions alike.
#include "catalog/operation_details.h"
#include "export/exports.h"

namespace spillway::exports {

std::string table_to_json(const Table& table) {
  return catalog::details_of(table);
}

Result<Table> table_from_json(std::string_view text) {
  return catalog::parse_details(text);
}

}  // namespace spillway::exports
