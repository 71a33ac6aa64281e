// Well-known text: "POLYGON ((0 0, 2 0, 2 2, 0 0))", key words in any case, numbers apart by blanks. What it
// says about a third or fourth dimension isn't supported, nor is an empty shape.
#include <cctype>
#include <charconv>

#include "kql/geo/geojson.h"

namespace spillway::kql::geo {
namespace {

using Kind = Geometry::Kind;
constexpr int kMaxDepth = 100;

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool geometry(Geometry& out, int depth) {
    const std::string name = word();
    if (name == "GEOMETRYCOLLECTION") {
      return depth < kMaxDepth && list([&] { return geometry(out.members.emplace_back(), depth + 1); });
    }
    if (name == "MULTIPOLYGON") {
      out.kind = Kind::MultiPolygon;
      return list([&] { return paths(out.parts.emplace_back()); });
    }
    std::vector<Path>& all = out.parts.emplace_back();
    if (name == "POLYGON" || name == "MULTILINESTRING") {
      out.kind = name == "POLYGON" ? Kind::Polygon : Kind::MultiLineString;
      return paths(all);
    }
    Path& only = all.emplace_back();
    if (name == "LINESTRING") {
      out.kind = Kind::LineString;
      return path(only);
    }
    if (name == "MULTIPOINT") {
      out.kind = Kind::MultiPoint;
      return list([&] { return point_of_many(only.emplace_back()); });
    }
    out.kind = Kind::Point;
    return name == "POINT" && take('(') && point(only.emplace_back()) && take(')');
  }

  bool at_end() {
    skip_blanks();
    return text_.empty();
  }

 private:
  void skip_blanks() {
    while (!text_.empty() && std::isspace(static_cast<unsigned char>(text_[0]))) text_.remove_prefix(1);
  }

  bool take(char c) {
    skip_blanks();
    if (text_.empty() || text_[0] != c) return false;
    text_.remove_prefix(1);
    return true;
  }

  std::string word() {
    skip_blanks();
    std::string word;
    while (!text_.empty() && std::isalpha(static_cast<unsigned char>(text_[0]))) {
      word += static_cast<char>(std::toupper(static_cast<unsigned char>(text_[0])));
      text_.remove_prefix(1);
    }
    return word;
  }

  bool number(double& out) {
    skip_blanks();
    if (text_.size() > 1 && text_[0] == '+' && text_[1] != '-') text_.remove_prefix(1);
    const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), out);
    if (error != std::errc()) return false;
    text_.remove_prefix(static_cast<size_t>(end - text_.data()));
    return true;
  }

  bool point(LngLat& out) { return number(out.lng) && number(out.lat) && is_valid(out); }
  /// Of a MULTIPOINT, with parentheses or without.
  bool point_of_many(LngLat& out) { return take('(') ? point(out) && take(')') : point(out); }

  template <typename Item>
  bool list(Item item) {
    if (!take('(')) return false;
    do {
      if (!item()) return false;
    } while (take(','));
    return take(')');
  }
  bool path(Path& out) {
    return list([&] { return point(out.emplace_back()); });
  }
  bool paths(std::vector<Path>& out) {
    return list([&] { return path(out.emplace_back()); });
  }

  std::string_view text_;
};

}  // namespace

std::optional<Geometry> parse_wkt(std::string_view text) {
  Geometry geometry;
  Reader reader(text);
  if (!reader.geometry(geometry, 0) || !reader.at_end()) return std::nullopt;
  return geometry;
}

}  // namespace spillway::kql::geo
