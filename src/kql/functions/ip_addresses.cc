#include "kql/functions/ip_addresses.h"

#include <array>
#include <bit>
#include <charconv>
#include <cstdio>

namespace spillway::kql {
namespace {

/// Decimal digits alone, at most three of them.
std::optional<int> small_number(std::string_view text, int most) {
  int value = 0;
  if (text.empty() || text.size() > 3) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0 || value > most)
    return std::nullopt;
  return value;
}

std::optional<uint32_t> parse_dotted(std::string_view text) {
  uint32_t address = 0;
  for (int part = 0; part < 4; ++part) {
    const size_t dot = part < 3 ? text.find('.') : text.size();
    if (dot == std::string_view::npos) return std::nullopt;
    const std::optional<int> byte = small_number(text.substr(0, dot), 255);
    if (!byte) return std::nullopt;
    address = address << 8 | static_cast<uint32_t>(*byte);
    text.remove_prefix(part < 3 ? dot + 1 : dot);
  }
  return address;
}

/// Takes "/24" off `text`; false where what stands there is no prefix.
bool take_prefix(std::string_view& text, int most, int& prefix) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return true;
  const std::optional<int> bits = small_number(text.substr(slash + 1), most);
  if (!bits) return false;
  prefix = *bits;
  text = text.substr(0, slash);
  return true;
}

/// The 16-bit groups of a part of an IPv6 address, which may end with an IPv4 address; false where it is
/// none.
bool parse_groups(std::string_view text, std::vector<uint16_t>& groups) {
  while (!text.empty()) {
    const size_t colon = std::min(text.find(':'), text.size());
    const std::string_view group = text.substr(0, colon);
    if (colon == text.size() && group.find('.') != std::string_view::npos) {
      const std::optional<uint32_t> address = parse_dotted(group);
      if (!address) return false;
      groups.push_back(static_cast<uint16_t>(*address >> 16));
      groups.push_back(static_cast<uint16_t>(*address));
      return true;
    }
    uint16_t value = 0;
    const auto [end, error] = std::from_chars(group.data(), group.data() + group.size(), value, 16);
    if (group.empty() || group.size() > 4 || error != std::errc() || end != group.data() + group.size())
      return false;
    groups.push_back(value);
    if (colon == text.size()) return true;
    text.remove_prefix(colon + 1);
    if (text.empty()) return false;
  }
  return true;
}

/// The address alone.
std::optional<Ipv6> parse_colons(std::string_view text) {
  constexpr size_t kGroups = 8;
  const size_t gap = text.find("::");
  std::vector<uint16_t> head, tail;
  if (!parse_groups(text.substr(0, gap), head)) return std::nullopt;
  if (gap != std::string_view::npos && !parse_groups(text.substr(gap + 2), tail)) return std::nullopt;
  const size_t given = head.size() + tail.size();
  if (gap == std::string_view::npos ? given != kGroups : given >= kGroups) return std::nullopt;
  std::array<uint16_t, kGroups> groups{};
  std::copy(head.begin(), head.end(), groups.begin());
  std::copy(tail.begin(), tail.end(), groups.end() - static_cast<std::ptrdiff_t>(tail.size()));
  Ipv6 address;
  for (size_t i = 0; i < kGroups; ++i) {
    uint64_t& half = i < 4 ? address.high : address.low;
    half = half << 16 | groups[i];
  }
  return address;
}

constexpr uint64_t kMappedIpv4 = 0xFFFF'0000'0000;

uint64_t mask_of(int bits) {
  return bits <= 0 ? 0 : bits >= 64 ? ~uint64_t{0} : ~uint64_t{0} << (64 - bits);
}

}  // namespace

std::optional<Ipv4> Ipv4::parse(std::string_view text) {
  Ipv4 result;
  if (!take_prefix(text, 32, result.prefix)) return std::nullopt;
  const std::optional<uint32_t> address = parse_dotted(text);
  if (!address) return std::nullopt;
  result.address = *address;
  return result;
}

Ipv6 Ipv6::network(int bits) const {
  return Ipv6{high & mask_of(bits), low & mask_of(bits - 64), bits};
}

std::string Ipv6::str() const {
  char text[48];
  const auto group = [&](int i) {
    return static_cast<unsigned>(((i < 4 ? high : low) >> (48 - 16 * (i % 4))) & 0xFFFF);
  };
  const int length = std::snprintf(text, sizeof text, "%04x:%04x:%04x:%04x:%04x:%04x:%04x:%04x", group(0),
                                   group(1), group(2), group(3), group(4), group(5), group(6), group(7));
  return std::string(text, static_cast<size_t>(length));
}

std::optional<Ipv6> Ipv6::parse(std::string_view text) {
  if (text.find(':') == std::string_view::npos) {
    const std::optional<Ipv4> v4 = Ipv4::parse(text);
    if (!v4) return std::nullopt;
    return Ipv6{0, kMappedIpv4 | v4->address, v4->prefix + 96};
  }
  int prefix = 128;
  if (!take_prefix(text, 128, prefix)) return std::nullopt;
  std::optional<Ipv6> result = parse_colons(text);
  if (!result) return std::nullopt;
  result->prefix = prefix;
  if (text.find('.') != std::string_view::npos) {
    // Dotted notation: "::10.0.0.1" means the IPv4 address, and its prefix counts that one's bits.
    if (result->high == 0 && result->low >> 32 == 0) result->low |= kMappedIpv4;
    if (prefix <= 32) result->prefix += 96;
  }
  return result;
}

void append_ipv4(std::string& out, uint32_t address) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    out += std::to_string(address >> shift & 255);
    if (shift > 0) out += '.';
  }
}

std::vector<Ipv4> networks_between(uint32_t first, uint32_t last) {
  std::vector<Ipv4> networks;
  for (uint64_t at = first; at <= last;) {
    // The largest network that begins here and ends within the range.
    int free_bits = at == 0 ? 32 : std::countr_zero(at);
    while (at + (uint64_t{1} << free_bits) - 1 > last) --free_bits;
    networks.push_back({static_cast<uint32_t>(at), 32 - free_bits});
    at += uint64_t{1} << free_bits;
  }
  return networks;
}

}  // namespace spillway::kql
