// Filling what is missing in a series. Elements that are there stay as they are written.
#include <cmath>

#include "kql/functions/builder.h"
#include "kql/functions/series.h"
#include "kql/json.h"

namespace spillway::kql {
namespace {

using series::Number;
using Text = std::string_view;
using OptionalText = std::optional<Text>;
using Elements = std::vector<Text>;

/// What stands for a missing value: null, or another value.
class Placeholder {
 public:
  explicit Placeholder(OptionalText value)
      : text_(value.value_or("null")), number_(series::number_of(text_)) {}
  bool is(Text element) const {
    if (element == text_) return true;
    if (number_.missing()) return false;
    const Number number = series::number_of(element);
    return !number.missing() && number.real == number_.real;
  }

 private:
  Text text_;
  Number number_;
};

std::optional<Elements> elements_of(OptionalText array) {
  if (!array || json::kind_of(*array) != json::Kind::Array) return std::nullopt;
  Elements elements;
  for (json::Cursor each(*array); each.next();) elements.push_back(each.value());
  return elements;
}

void append(std::string& out, const Elements& elements) {
  out += '[';
  for (size_t i = 0; i < elements.size(); ++i) {
    if (i > 0) out += ',';
    out += elements[i];
  }
  out += ']';
}

/// Each missing element takes the one that was gone over last.
template <typename Iterator>
void carry(Iterator begin, Iterator end, const Placeholder& missing) {
  OptionalText last;
  for (Iterator at = begin; at != end; ++at) {
    if (!missing.is(*at)) {
      last = *at;
    } else if (last) {
      *at = *last;
    }
  }
}

bool fill_forward_of(std::string& out, OptionalText array, OptionalText missing) {
  std::optional<Elements> elements = elements_of(array);
  if (!elements) return false;
  carry(elements->begin(), elements->end(), Placeholder(missing));
  append(out, *elements);
  return true;
}
bool fill_forward(std::string& out, OptionalText array) {
  return fill_forward_of(out, array, std::nullopt);
}

bool fill_backward_of(std::string& out, OptionalText array, OptionalText missing) {
  std::optional<Elements> elements = elements_of(array);
  if (!elements) return false;
  carry(elements->rbegin(), elements->rend(), Placeholder(missing));
  append(out, *elements);
  return true;
}
bool fill_backward(std::string& out, OptionalText array) {
  return fill_backward_of(out, array, std::nullopt);
}

bool fill_const_of(std::string& out, OptionalText array, OptionalText value, OptionalText placeholder) {
  std::optional<Elements> elements = elements_of(array);
  if (!elements) return false;
  const Placeholder missing(placeholder);
  for (Text& element : *elements) {
    if (missing.is(element)) element = value.value_or("null");
  }
  append(out, *elements);
  return true;
}
bool fill_const(std::string& out, OptionalText array, OptionalText value) {
  return fill_const_of(out, array, value, std::nullopt);
}

/// Linear interpolation between the elements that are there.
class LinearFill {
 public:
  LinearFill(const Elements& elements, const Placeholder& missing, bool fill_edges, OptionalText value)
      : elements_(elements), fill_edges_(fill_edges), value_(value) {
    for (size_t i = 0; i < elements.size(); ++i) {
      if (missing.is(elements[i])) continue;
      there_.push_back(i);
      const Number number = series::number_of(elements[i]);
      whole_ = whole_ && number.is_integer();
    }
  }

  void append(std::string& out) const {
    out += '[';
    size_t next = 0;  // in there_: the first that isn't before i
    for (size_t i = 0; i < elements_.size(); ++i) {
      if (i > 0) out += ',';
      if (next < there_.size() && there_[next] < i) ++next;
      append_element(out, i, next);
    }
    out += ']';
  }

 private:
  void append_element(std::string& out, size_t i, size_t next) const {
    if (there_.empty()) {
      append_constant(out);
    } else if (next < there_.size() && there_[next] == i) {
      out += elements_[i];
    } else if (next == 0 || next == there_.size()) {
      out += fill_edges_ ? elements_[there_[next == 0 ? 0 : next - 1]] : elements_[i];
    } else {
      append_between(out, i, there_[next - 1], there_[next]);
    }
  }
  void append_constant(std::string& out) const {
    if (!value_) {
      out += "null";
    } else {
      const Number number = series::number_of(*value_);
      series::append(out, number.missing() ? number : Number::of(number.real));
    }
  }
  /// Among integers, integers are interpolated, without their fractions.
  void append_between(std::string& out, size_t i, size_t left, size_t right) const {
    const Number a = series::number_of(elements_[left]), b = series::number_of(elements_[right]);
    if (a.missing() || b.missing()) {
      out += elements_[i];
      return;
    }
    const double share = static_cast<double>(i - left) / static_cast<double>(right - left);
    const double value = a.real + (b.real - a.real) * share;
    constexpr double kExact = 9'007'199'254'740'992.0;  // 2^53
    if (whole_ && std::abs(value) < kExact) {
      series::append(out, Number::of(static_cast<int64_t>(value)));
    } else {
      series::append(out, Number::of(value));
    }
  }

  const Elements& elements_;
  std::vector<size_t> there_;
  bool whole_ = true;
  bool fill_edges_;
  OptionalText value_;
};

bool fill_linear_with(std::string& out, OptionalText array, OptionalText missing,
                      std::optional<bool> fill_edges, OptionalText value) {
  const std::optional<Elements> elements = elements_of(array);
  if (!elements) return false;
  LinearFill(*elements, Placeholder(missing), fill_edges.value_or(true), value).append(out);
  return true;
}
bool fill_linear(std::string& out, OptionalText array) {
  return fill_linear_with(out, array, std::nullopt, true, "0");
}
bool fill_linear_of(std::string& out, OptionalText array, OptionalText missing) {
  return fill_linear_with(out, array, missing, true, "0");
}
bool fill_linear_edges(std::string& out, OptionalText array, OptionalText missing,
                       std::optional<bool> fill_edges) {
  return fill_linear_with(out, array, missing, fill_edges, "0");
}

}  // namespace

void declare_series_fill(FunctionTableBuilder& table) {
  using enum Type;
  table.category("series");
  table.scalar("series_fill_forward")
      .doc("Missing elements filled with the nearest one before.")
      .takes_nulls({Dynamic}, Dynamic, native<&fill_forward>())
      .takes_nulls({Dynamic, as_dynamic()}, Dynamic, native<&fill_forward_of>());
  table.scalar("series_fill_backward")
      .doc("Missing elements filled with the nearest one behind.")
      .takes_nulls({Dynamic}, Dynamic, native<&fill_backward>())
      .takes_nulls({Dynamic, as_dynamic()}, Dynamic, native<&fill_backward_of>());
  table.scalar("series_fill_const")
      .doc("Missing elements filled with one value.")
      .takes_nulls({Dynamic, as_dynamic()}, Dynamic, native<&fill_const>())
      .takes_nulls({Dynamic, as_dynamic(), as_dynamic()}, Dynamic, native<&fill_const_of>());
  table.scalar("series_fill_linear")
      .doc("Missing elements filled by linear interpolation.")
      .takes_nulls({Dynamic}, Dynamic, native<&fill_linear>())
      .takes_nulls({Dynamic, as_dynamic()}, Dynamic, native<&fill_linear_of>())
      .takes_nulls({Dynamic, as_dynamic(), Bool}, Dynamic, native<&fill_linear_edges>())
      .takes_nulls({Dynamic, as_dynamic(), Bool, as_dynamic()}, Dynamic, native<&fill_linear_with>());
}

}  // namespace spillway::kql
