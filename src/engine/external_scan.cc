#include "engine/lowering.h"

namespace spillway::engine {

Result<Lowering::Block> Lowering::lower_external_scan(const kql::ExternalScan& rel) {
  return Error(ErrorCode::NotSupported, "reading external tables isn't supported", rel.span);
}

}  // namespace spillway::engine
