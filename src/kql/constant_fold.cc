#include "kql/constant_fold.h"

#include <array>
#include <cstring>
#include <deque>

namespace spillway::kql {
namespace {

/// One value as the vectors of base/vector.h hold it.
class Cell {
 public:
  explicit Cell(const Value& value) : null_(value.is_null()) {
    if (null_) return;
    switch (value.type()) {
      case Type::Bool: put<uint8_t>(value.as_bool() ? 1 : 0); break;
      case Type::Int: put<int32_t>(static_cast<int32_t>(value.as_int())); break;
      case Type::Long:
      case Type::DateTime:
      case Type::TimeSpan: put<int64_t>(value.as_int()); break;
      case Type::Real: put<double>(value.as_real()); break;
      case Type::Guid: put<Guid>(value.as_guid()); break;
      case Type::String:
      case Type::Decimal:
      case Type::Dynamic: text_ = value.as_text(); break;
    }
  }

  VectorView view(Type type) const {
    const bool text = type == Type::String || type == Type::Decimal || type == Type::Dynamic;
    return VectorView(type, text ? static_cast<const void*>(&text_) : bytes_.data(), null_ ? &kNull : nullptr,
                      1);
  }

 private:
  template <typename T>
  void put(T v) {
    std::memcpy(bytes_.data(), &v, sizeof v);
  }

  static constexpr uint64_t kNull = 0;
  bool null_;
  std::string_view text_;
  alignas(16) std::array<char, 16> bytes_{};
};

class OneValueSink : public VectorSink {
 public:
  void set_null(size_t) override { null_ = true; }
  void set_text(size_t, std::string_view text) override { text_ = text; }
  void* data() override { return bytes_.data(); }

  Value value(Type type) const {
    if (null_) return Value::null(type);
    switch (type) {
      case Type::Bool: return Value::boolean(get<uint8_t>() != 0);
      case Type::Int: return Value::int32(get<int32_t>());
      case Type::Long: return Value::int64(get<int64_t>());
      case Type::DateTime: return Value::datetime(get<int64_t>());
      case Type::TimeSpan: return Value::timespan(get<int64_t>());
      case Type::Real: return Value::real(get<double>());
      case Type::Guid: return Value::guid(get<Guid>());
      case Type::String: return Value::string(text_);
      case Type::Decimal: return Value::decimal(text_);
      case Type::Dynamic: return Value::dynamic(text_);
    }
    return Value::null(type);
  }

 private:
  template <typename T>
  T get() const {
    T v;
    std::memcpy(&v, bytes_.data(), sizeof v);
    return v;
  }

  bool null_ = false;
  std::string text_;
  alignas(16) std::array<char, 16> bytes_{};
};

/// -1, 0, 1; nullopt where one is null or the type has no order here.
std::optional<int> compare(const Value& a, const Value& b) {
  if (a.is_null() || b.is_null() || a.type() != b.type()) return std::nullopt;
  const auto three_way = [](const auto& x, const auto& y) { return x < y ? -1 : y < x ? 1 : 0; };
  switch (a.type()) {
    case Type::Bool: return three_way(a.as_bool(), b.as_bool());
    case Type::Int:
    case Type::Long:
    case Type::DateTime:
    case Type::TimeSpan: return three_way(a.as_int(), b.as_int());
    case Type::Real:
      if (a.as_real() != a.as_real() || b.as_real() != b.as_real()) return std::nullopt;
      return three_way(a.as_real(), b.as_real());
    case Type::String: return three_way(a.as_text(), b.as_text());
    default: return std::nullopt;
  }
}

std::optional<Value> evaluate_comparison(const std::string& name, const Value& a, const Value& b) {
  const std::optional<int> order = compare(a, b);
  if (!order) return std::nullopt;
  if (name == "==" || name == "== known") return Value::boolean(*order == 0);
  if (name == "!=") return Value::boolean(*order != 0);
  if (name == "<") return Value::boolean(*order < 0);
  if (name == "<=") return Value::boolean(*order <= 0);
  if (name == ">") return Value::boolean(*order > 0);
  if (name == ">=") return Value::boolean(*order >= 0);
  return std::nullopt;
}

/// `and`, `or`, `not` of values that aren't null.
std::optional<Value> evaluate_logic(const std::string& name, const std::vector<Value>& arguments) {
  bool all = true, any = false;
  for (const Value& argument : arguments) {
    if (argument.type() != Type::Bool || argument.is_null()) return std::nullopt;
    all = all && argument.as_bool();
    any = any || argument.as_bool();
  }
  if (name == "and") return Value::boolean(all);
  if (name == "or") return Value::boolean(any);
  if (name == "not") return Value::boolean(!any);
  return std::nullopt;
}

/// The few functions with SQL templates that queries have over constants.
std::optional<Value> evaluate_template(const std::string& name, const std::vector<Value>& arguments) {
  if (name == "iff" || name == "iif") {
    const bool yes = !arguments[0].is_null() && arguments[0].as_bool();
    return arguments[yes ? 1 : 2];
  }
  if (std::optional<Value> value = evaluate_logic(name, arguments)) return value;
  return arguments.size() == 2 ? evaluate_comparison(name, arguments[0], arguments[1]) : std::nullopt;
}

}  // namespace

std::optional<Value> evaluate(const ScalarOverload& overload, const std::vector<Value>& arguments,
                              Type result) {
  if (overload.lowering.is_volatile) return std::nullopt;
  if (!overload.lowering.native) return evaluate_template(overload.function->name, arguments);
  std::deque<Cell> cells;
  std::vector<VectorView> views;
  for (const Value& argument : arguments) {
    cells.emplace_back(argument);
    views.push_back(cells.back().view(argument.type()));
  }
  OneValueSink sink;
  if (!overload.lowering.native(NativeCall{views, 1, sink}).ok()) return std::nullopt;
  return sink.value(result);
}

}  // namespace spillway::kql
