#include "base/vector.h"

namespace spillway {

Value VectorView::value(size_t i) const {
  if (is_null(i)) return Value::null(type_);
  switch (type_) {
    case Type::Bool: return Value::boolean(boolean(i));
    case Type::Int: return Value::int32(get<int32_t>(i));
    case Type::Long: return Value::int64(get<int64_t>(i));
    case Type::Real: return Value::real(get<double>(i));
    case Type::DateTime: return Value::datetime(get<int64_t>(i));
    case Type::TimeSpan: return Value::timespan(get<int64_t>(i));
    case Type::Guid: return Value::guid(get<Guid>(i));
    case Type::String: return Value::string(std::string(text(i)));
    case Type::Decimal: return Value::decimal(std::string(text(i)));
    case Type::Dynamic: return Value::dynamic(std::string(text(i)));
  }
  return Value::null(type_);
}

}  // namespace spillway
