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

void copy_value(const VectorView& from, size_t i, VectorSink& to, size_t position) {
  switch (from.type()) {
    case Type::String: return to.set_text(position, from.text(i));  // never null
    case Type::Decimal:
    case Type::Dynamic: return from.is_null(i) ? to.set_null(position) : to.set_text(position, from.text(i));
    default: break;
  }
  if (from.is_null(i)) return to.set_null(position);
  switch (from.type()) {
    case Type::Bool: return to.set<uint8_t>(position, from.get<uint8_t>(i));
    case Type::Int: return to.set<int32_t>(position, from.get<int32_t>(i));
    case Type::Real: return to.set<double>(position, from.get<double>(i));
    case Type::Guid: return to.set<Guid>(position, from.get<Guid>(i));
    default: return to.set<int64_t>(position, from.get<int64_t>(i));
  }
}

void put_value(const Value& value, VectorSink& to, size_t position) {
  if (value.type() == Type::String) return to.set_text(position, value.is_null() ? "" : value.as_text());
  if (value.is_null()) return to.set_null(position);
  switch (value.type()) {
    case Type::Decimal:
    case Type::Dynamic: return to.set_text(position, value.as_text());
    case Type::Bool: return to.set<uint8_t>(position, value.as_bool() ? 1 : 0);
    case Type::Int: return to.set<int32_t>(position, static_cast<int32_t>(value.as_int()));
    case Type::Real: return to.set<double>(position, value.as_real());
    case Type::Guid: return to.set<Guid>(position, value.as_guid());
    default: return to.set<int64_t>(position, value.as_int());
  }
}

}  // namespace spillway
