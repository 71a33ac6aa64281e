#include "kql/functions/value_hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace spillway::kql {

uint64_t hash_value(const VectorView& vector, size_t row) {
  switch (vector.type()) {
    case Type::String:
    case Type::Decimal:
    case Type::Dynamic: {
      const std::string_view text = vector.text(row);
      return XXH64(text.data(), text.size(), 0);
    }
    case Type::Guid: return XXH64(&vector.get<Guid>(row), sizeof(Guid), 0);
    case Type::Real: {
      const double value = vector.get<double>(row) + 0.0;  // of -0 makes 0
      return XXH64(&value, sizeof value, 0);
    }
    case Type::Bool: {
      const int64_t value = vector.boolean(row) ? 1 : 0;
      return XXH64(&value, sizeof value, 0);
    }
    default: {
      const int64_t value = vector.integer(row);
      return XXH64(&value, sizeof value, 0);
    }
  }
}

}  // namespace spillway::kql
