// IP addresses and networks in text: "192.168.1.1", "10.0.0.0/8", "fe80::1/64", "::ffff:10.0.0.1".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace spillway::kql {

/// An IPv4 address and how many of its bits count.
struct Ipv4 {
  uint32_t address = 0;
  int prefix = 32;

  /// The address with the bits behind the prefix cleared.
  uint32_t network() const { return network(prefix); }
  uint32_t network(int bits) const { return bits == 0 ? 0 : address & (~uint32_t{0} << (32 - bits)); }

  /// Four numbers, and perhaps "/" and a prefix; nullopt for anything else.
  static std::optional<Ipv4> parse(std::string_view text);
};

/// An IPv6 address and how many of its bits count. IPv4 addresses are those of ::ffff:0:0/96, with 96 bits
/// more.
struct Ipv6 {
  uint64_t high = 0, low = 0;
  int prefix = 128;

  Ipv6 network(int bits) const;
  /// Eight groups of four digits.
  std::string str() const;

  /// IPv6 in any documented notation, or IPv4; nullopt for anything else.
  static std::optional<Ipv6> parse(std::string_view text);
};

void append_ipv4(std::string& out, uint32_t address);

/// The fewest networks that together hold all addresses from `first` to `last`.
std::vector<Ipv4> networks_between(uint32_t first, uint32_t last);

}  // namespace spillway::kql
