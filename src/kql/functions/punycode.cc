// Punycode (RFC 3492): text of ASCII characters for text of any. Labels of domains are encoded as they stand,
// with no change of case (query/punycode-domain-to-string-function.md).
#include <algorithm>

#include "base/utf8.h"
#include "kql/functions/builder.h"
#include "kql/functions/text_match.h"

namespace spillway::kql {
namespace {

using Text = std::string_view;

constexpr uint32_t kBase = 36, kLeastThreshold = 1, kMostThreshold = 26, kSkew = 38, kDamp = 700;
constexpr uint32_t kFirstBias = 72, kFirstCode = 128;
constexpr size_t kMostBytes = 4096;  // of a text: encoding takes time by the square of its length
constexpr Text kMark = "xn--";

uint32_t adapt(uint32_t delta, uint32_t points, bool first) {
  delta = first ? delta / kDamp : delta / 2;
  delta += delta / points;
  uint32_t k = 0;
  for (; delta > (kBase - kLeastThreshold) * kMostThreshold / 2; k += kBase) delta /= kBase - kLeastThreshold;
  return k + (kBase - kLeastThreshold + 1) * delta / (delta + kSkew);
}

uint32_t threshold(uint32_t k, uint32_t bias) {
  return k <= bias ? kLeastThreshold : std::min(k - bias, kMostThreshold);
}

char digit(uint32_t value) {
  return static_cast<char>(value < 26 ? 'a' + value : '0' + (value - 26));
}
int value_of(char c) {
  if (c >= 'a' && c <= 'z') return c - 'a';
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= '0' && c <= '9') return c - '0' + 26;
  return -1;
}

void append_integer(std::string& out, uint32_t value, uint32_t bias) {
  for (uint32_t k = kBase;; k += kBase) {
    const uint32_t t = threshold(k, bias);
    if (value < t) break;
    out += digit(t + (value - t) % (kBase - t));
    value = (value - t) / (kBase - t);
  }
  out += digit(value);
}

bool encode(std::string& out, Text text) {
  if (text.size() > kMostBytes || !utf8::is_valid(text)) return false;
  std::vector<uint32_t> codes;
  for (size_t at = 0; at < text.size();) codes.push_back(next_code_point(text, at));
  uint32_t handled = 0;
  for (const uint32_t code : codes) {
    if (code >= kFirstCode) continue;
    out += static_cast<char>(code);
    ++handled;
  }
  const uint32_t basic = handled;
  if (basic > 0) out += '-';
  uint32_t next = kFirstCode, delta = 0, bias = kFirstBias;
  while (handled < codes.size()) {
    uint32_t least = UINT32_MAX;
    for (const uint32_t code : codes) {
      if (code >= next) least = std::min(least, code);
    }
    delta += (least - next) * (handled + 1);
    next = least;
    for (const uint32_t code : codes) {
      if (code < next) ++delta;
      if (code != next) continue;
      append_integer(out, delta, bias);
      bias = adapt(delta, handled + 1, handled == basic);
      delta = 0;
      ++handled;
    }
    ++delta;
    ++next;
  }
  return true;
}

bool decode(std::string& out, Text text) {
  if (text.size() > kMostBytes || !is_ascii(text)) return false;
  std::vector<uint32_t> codes;
  const size_t last = text.rfind('-');
  if (last != Text::npos) {
    for (const char c : text.substr(0, last)) codes.push_back(static_cast<unsigned char>(c));
    text.remove_prefix(last + 1);
  }
  uint64_t next = kFirstCode, place = 0;
  uint32_t bias = kFirstBias;
  for (size_t at = 0; at < text.size();) {
    const uint64_t before = place;
    uint64_t weight = 1;
    for (uint32_t k = kBase;; k += kBase) {
      const int value = at < text.size() ? value_of(text[at++]) : -1;
      if (value < 0) return false;
      place += static_cast<uint64_t>(value) * weight;
      if (place > UINT32_MAX) return false;
      const uint32_t t = threshold(k, bias);
      if (static_cast<uint32_t>(value) < t) break;
      weight *= kBase - t;
      if (weight > UINT32_MAX) return false;
    }
    const auto points = static_cast<uint32_t>(codes.size() + 1);
    bias = adapt(static_cast<uint32_t>(place - before), points, before == 0);
    next += place / points;
    place %= points;
    if (next > 0x10FFFF) return false;
    codes.insert(codes.begin() + static_cast<std::ptrdiff_t>(place), static_cast<uint32_t>(next));
    ++place;
  }
  return std::all_of(codes.begin(), codes.end(), [&](uint32_t code) { return utf8::append(out, code); });
}

/// Takes the first label of a domain off it. Full stops of East Asian scripts separate labels, too.
Text take_label(Text& domain, bool& more) {
  constexpr Text kDots[] = {".", "\u3002", "\uFF0E", "\uFF61"};
  size_t at = domain.size(), length = 0;
  for (const Text dot : kDots) {
    const size_t found = domain.find(dot);
    if (found >= at) continue;
    at = found;
    length = dot.size();
  }
  more = length > 0;
  const Text label = domain.substr(0, at);
  domain.remove_prefix(at + length);
  return label;
}

bool encode_domain(std::string& out, Text domain) {
  for (bool more = true; more;) {
    const Text label = take_label(domain, more);
    if (is_ascii(label)) {
      out += label;
    } else {
      out += kMark;
      if (!encode(out, label)) return false;
    }
    if (more) out += '.';
  }
  return true;
}

bool decode_domain(std::string& out, Text domain) {
  for (bool more = true; more;) {
    const Text label = take_label(domain, more);
    std::string mark(label.substr(0, kMark.size()));
    std::transform(mark.begin(), mark.end(), mark.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    if (mark != kMark) {
      out += label;
    } else if (!decode(out, label.substr(kMark.size()))) {
      return false;
    }
    if (more) out += '.';
  }
  return true;
}

}  // namespace

void declare_punycode(FunctionTableBuilder& table) {
  using enum Type;
  table.category("encoding");
  table.scalar("punycode_from_string").doc("In punycode.").takes({as_string()}, String, native<&encode>());
  table.scalar("punycode_to_string")
      .doc("The text that punycode means; empty where it is none.")
      .takes({as_string()}, String, native<&decode>());
  table.scalar("punycode_domain_to_string")
      .doc("A domain with its labels in punycode, where they need it.")
      .takes({as_string()}, String, native<&encode_domain>());
  table.scalar("punycode_domain_from_string")
      .doc("A domain without the punycode of its labels; empty where one is none.")
      .takes({as_string()}, String, native<&decode_domain>());
}

}  // namespace spillway::kql
