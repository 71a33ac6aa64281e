// Elementwise functions of one series and of two; a number in a series' place stands for all its elements.
// An element that is missing, or that only the longer series has, gives null.
#include <cmath>

#include "kql/functions/arithmetic.h"
#include "kql/functions/builder.h"
#include "kql/functions/series.h"
#include "kql/json.h"

namespace spillway::kql {
namespace {

using series::Number;
using series::Numbers;
using Text = std::string_view;

/// One side of an operation.
class Operand {
 public:
  explicit Operand(Text value) {
    if (std::optional<Numbers> numbers = series::read(value)) {
      numbers_ = *std::move(numbers);
      is_series_ = true;
    } else {
      numbers_.push_back(series::number_of(value));
    }
  }
  bool is_series() const { return is_series_; }
  size_t size() const { return is_series_ ? numbers_.size() : 0; }
  Number at(size_t i) const {
    if (!is_series_) return numbers_.front();
    return i < numbers_.size() ? numbers_[i] : Number();
  }

 private:
  Numbers numbers_;
  bool is_series_ = false;
};

/// `apply(out, a, b)` appends the result for two numbers that are there.
template <typename Apply>
bool combine(std::string& out, Text left, Text right, Apply apply) {
  const Operand a(left), b(right);
  if (!a.is_series() && !b.is_series()) return false;
  const size_t size = std::max(a.size(), b.size());
  out += '[';
  for (size_t i = 0; i < size; ++i) {
    if (i > 0) out += ',';
    const Number x = a.at(i), y = b.at(i);
    if (x.missing() || y.missing()) {
      out += "null";
    } else {
      apply(out, x, y);
    }
  }
  out += ']';
  return true;
}

/// Integers stay integers while the result fits.
template <auto Exact, typename Real>
bool arithmetic(std::string& out, Text left, Text right, Real real) {
  return combine(out, left, right, [&](std::string& to, const Number& a, const Number& b) {
    if (a.is_integer() && b.is_integer()) {
      if (const std::optional<int64_t> exact = Exact(a.integer, b.integer)) {
        series::append(to, Number::of(*exact));
        return;
      }
    }
    series::append(to, Number::of(real(a.real, b.real)));
  });
}
bool add(std::string& out, Text a, Text b) {
  return arithmetic<&checked_add>(out, a, b, [](double x, double y) { return x + y; });
}
bool subtract(std::string& out, Text a, Text b) {
  return arithmetic<&checked_subtract>(out, a, b, [](double x, double y) { return x - y; });
}
bool multiply(std::string& out, Text a, Text b) {
  return arithmetic<&checked_multiply>(out, a, b, [](double x, double y) { return x * y; });
}

template <typename Real>
bool of_reals(std::string& out, Text left, Text right, Real real) {
  return combine(out, left, right, [&](std::string& to, const Number& a, const Number& b) {
    series::append(to, Number::of(real(a.real, b.real)));
  });
}
bool divide(std::string& out, Text a, Text b) {
  return of_reals(out, a, b, [](double x, double y) { return x / y; });
}
bool power(std::string& out, Text a, Text b) {
  return of_reals(out, a, b, [](double x, double y) { return std::pow(x, y); });
}

/// `holds(order)`: of the order of two numbers.
template <typename Holds>
bool compare(std::string& out, Text left, Text right, Holds holds) {
  return combine(out, left, right, [&](std::string& to, const Number& a, const Number& b) {
    const std::partial_ordering order =
        a.is_integer() && b.is_integer() ? a.integer <=> b.integer : a.real <=> b.real;
    to += holds(order) ? "true" : "false";
  });
}
bool equals(std::string& out, Text a, Text b) {
  return compare(out, a, b, [](std::partial_ordering order) { return order == 0; });
}
bool not_equals(std::string& out, Text a, Text b) {
  return compare(out, a, b, [](std::partial_ordering order) { return order != 0; });
}
bool less(std::string& out, Text a, Text b) {
  return compare(out, a, b, [](std::partial_ordering order) { return order < 0; });
}
bool less_equals(std::string& out, Text a, Text b) {
  return compare(out, a, b, [](std::partial_ordering order) { return order <= 0; });
}
bool greater(std::string& out, Text a, Text b) {
  return compare(out, a, b, [](std::partial_ordering order) { return order > 0; });
}
bool greater_equals(std::string& out, Text a, Text b) {
  return compare(out, a, b, [](std::partial_ordering order) { return order >= 0; });
}

template <typename Apply>
bool map(std::string& out, Text array, Apply apply) {
  std::optional<Numbers> numbers = series::read(array);
  if (!numbers) return false;
  for (Number& number : *numbers) {
    if (!number.missing()) number = apply(number);
  }
  series::append(out, *numbers);
  return true;
}
bool absolute(std::string& out, Text array) {
  return map(out, array, [](const Number& number) {
    if (!number.is_integer() || number.integer == INT64_MIN) return Number::of(std::abs(number.real));
    return Number::of(std::abs(number.integer));
  });
}
bool sign(std::string& out, Text array) {
  return map(out, array, [](const Number& number) {
    return std::isnan(number.real) ? Number()
                                   : Number::of(static_cast<int64_t>((number.real > 0) - (number.real < 0)));
  });
}
template <double (*Function)(double)>
bool map_reals(std::string& out, Text array) {
  return map(out, array, [](const Number& number) { return Number::of(Function(number.real) + 0.0); });
}

void declare_unary(FunctionTableBuilder& table) {
  using enum Type;
  const auto declare = [&](const char* name, const char* doc, L lowering) {
    table.scalar(name).doc(doc).takes({Dynamic}, Dynamic, std::move(lowering));
  };
  declare("series_abs", "The absolute value of each element.", native<&absolute>());
  declare("series_sign", "-1, 0 or 1 for each element.", native<&sign>());
  declare("series_floor", "Each element rounded down.", native<&map_reals<&std::floor>>());
  declare("series_ceiling", "Each element rounded up.", native<&map_reals<&std::ceil>>());
  declare("series_exp", "e to the power of each element.", native<&map_reals<&std::exp>>());
  declare("series_log", "The natural logarithm of each element.", native<&map_reals<&std::log>>());
  declare("series_sin", "The sine of each element.", native<&map_reals<&std::sin>>());
  declare("series_cos", "The cosine of each element.", native<&map_reals<&std::cos>>());
  declare("series_tan", "The tangent of each element.", native<&map_reals<&std::tan>>());
  declare("series_asin", "The angle that has each element as its sine.", native<&map_reals<&std::asin>>());
  declare("series_acos", "The angle that has each element as its cosine.", native<&map_reals<&std::acos>>());
  declare("series_atan", "The angle that has each element as its tangent.", native<&map_reals<&std::atan>>());
}

void declare_binary(FunctionTableBuilder& table) {
  using enum Type;
  const auto declare = [&](const char* name, const char* doc, L lowering) {
    table.scalar(name).doc(doc).takes({as_dynamic(), as_dynamic()}, Dynamic, std::move(lowering));
  };
  declare("series_add", "Two series added, element by element.", native<&add>());
  declare("series_subtract", "One series less another, element by element.", native<&subtract>());
  declare("series_multiply", "Two series multiplied, element by element.", native<&multiply>());
  declare("series_divide", "One series divided by another, element by element.", native<&divide>());
  declare("series_pow", "One series to the power of another, element by element.", native<&power>());
  declare("series_equals", "Whether elements are equal, for each.", native<&equals>());
  declare("series_not_equals", "Whether elements differ, for each.", native<&not_equals>());
  declare("series_less", "Whether an element is less than the other, for each.", native<&less>());
  declare("series_less_equals", "Whether an element is at most the other, for each.", native<&less_equals>());
  declare("series_greater", "Whether an element is greater than the other, for each.", native<&greater>());
  declare("series_greater_equals", "Whether an element is at least the other, for each.",
          native<&greater_equals>());
}

}  // namespace

void declare_series_arithmetic(FunctionTableBuilder& table) {
  table.category("series");
  declare_unary(table);
  declare_binary(table);
}

}  // namespace spillway::kql
