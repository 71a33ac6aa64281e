// Functions of IP addresses. Text that is none gives null, or the empty string.
#include <algorithm>

#include "kql/functions/builder.h"
#include "kql/functions/ip_addresses.h"
#include "kql/json.h"

namespace spillway::kql {
namespace {

using Text = std::string_view;

// ---- comparing

/// -1, 0, 1 over the bits that both prefixes and `bits` let count.
std::optional<int64_t> compare_v4(Text a, Text b, int64_t bits) {
  const std::optional<Ipv4> left = Ipv4::parse(a), right = Ipv4::parse(b);
  if (!left || !right || bits < 0 || bits > 32) return std::nullopt;
  const int prefix = std::min({left->prefix, right->prefix, static_cast<int>(bits)});
  const uint32_t x = left->network(prefix), y = right->network(prefix);
  return x < y ? -1 : x > y ? 1 : 0;
}
std::optional<int64_t> compare_v6(Text a, Text b, int64_t bits) {
  const std::optional<Ipv6> left = Ipv6::parse(a), right = Ipv6::parse(b);
  if (!left || !right || bits < 0 || bits > 128) return std::nullopt;
  const int prefix = std::min({left->prefix, right->prefix, static_cast<int>(bits)});
  const Ipv6 x = left->network(prefix), y = right->network(prefix);
  if (x.high != y.high) return x.high < y.high ? -1 : 1;
  return x.low < y.low ? -1 : x.low > y.low ? 1 : 0;
}
std::optional<bool> is_zero(std::optional<int64_t> order) {
  if (!order) return std::nullopt;
  return *order == 0;
}

// ---- ranges

bool contains(const Ipv4& range, const Ipv4& address) {
  return address.prefix >= range.prefix && address.network(range.prefix) == range.network();
}
bool contains(const Ipv6& range, const Ipv6& address) {
  const Ipv6 a = address.network(range.prefix), b = range.network(range.prefix);
  return address.prefix >= range.prefix && a.high == b.high && a.low == b.low;
}

template <typename Ip>
std::optional<bool> is_in_range(Text text, Text range_text) {
  const std::optional<Ip> address = Ip::parse(text), range = Ip::parse(range_text);
  if (!address || !range) return std::nullopt;
  return contains(*range, *address);
}

/// Calls accept(text) for each element that is a string, of an array or of several arguments, until it is
/// true.
template <typename Accept>
bool any_text(Rest arguments, Accept accept) {
  std::string text;
  const auto accepts = [&](Text value) {
    text.clear();
    json::append_text(value, text);
    return accept(Text(text));
  };
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (arguments.is_null(i)) continue;
    const Text value = arguments.text(i);
    if (json::kind_of(value) != json::Kind::Array) {
      if (accepts(value)) return true;
      continue;
    }
    for (json::Cursor each(value); each.next();) {
      if (accepts(each.value())) return true;
    }
  }
  return false;
}

/// Null where the address isn't one, or where it is in none of the ranges and one of them isn't one.
template <typename Ip>
std::optional<bool> is_in_any_range(Text text, Rest ranges) {
  const std::optional<Ip> address = Ip::parse(text);
  if (!address) return std::nullopt;
  bool all_known = true;
  const bool found = any_text(ranges, [&](Text range_text) {
    const std::optional<Ip> range = Ip::parse(range_text);
    all_known = all_known && range;
    return range && contains(*range, *address);
  });
  if (!found && !all_known) return std::nullopt;
  return found;
}

std::optional<bool> is_private(Text text) {
  constexpr Ipv4 kPrivate[] = {{0x0A000000, 8}, {0xAC100000, 12}, {0xC0A80000, 16}};
  const std::optional<Ipv4> address = Ipv4::parse(text);
  if (!address) return std::nullopt;
  return std::any_of(std::begin(kPrivate), std::end(kPrivate),
                     [&](const Ipv4& range) { return contains(range, *address); });
}

std::optional<int64_t> netmask_suffix(Text text) {
  const std::optional<Ipv4> address = Ipv4::parse(text);
  if (!address) return std::nullopt;
  return address->prefix;
}

bool range_to_networks(std::string& out, Text first, Text last) {
  const std::optional<Ipv4> from = Ipv4::parse(first), to = Ipv4::parse(last);
  if (!from || !to || from->address > to->address) return false;
  out += '[';
  for (const Ipv4& network : networks_between(from->address, to->address)) {
    if (out.size() > 1) out += ',';
    out += '"';
    append_ipv4(out, network.address);
    out += '/' + std::to_string(network.prefix) + '"';
  }
  out += ']';
  return true;
}

// ---- converting

std::optional<Ipv4> masked(std::optional<Ipv4> address, int64_t bits) {
  if (!address || bits < 0 || bits > 32) return std::nullopt;
  address->prefix = std::min(address->prefix, static_cast<int>(bits));
  return address;
}
std::optional<Ipv4> ipv4_of(int64_t number) {
  if (number < 0 || number > UINT32_MAX) return std::nullopt;
  return Ipv4{static_cast<uint32_t>(number), 32};
}

std::optional<int64_t> parse_v4(Text text, int64_t bits) {
  const std::optional<Ipv4> address = masked(Ipv4::parse(text), bits);
  if (!address) return std::nullopt;
  return address->network();
}

bool parse_v6(std::string& out, Text text, int64_t bits) {
  const std::optional<Ipv6> address = Ipv6::parse(text);
  if (!address || bits < 0 || bits > 128) return false;
  out += address->network(std::min(address->prefix, static_cast<int>(bits))).str();
  return true;
}

bool append_address(std::string& out, const std::optional<Ipv4>& address) {
  if (!address) return false;
  append_ipv4(out, address->network());
  return true;
}
bool append_network(std::string& out, const std::optional<Ipv4>& address) {
  if (!append_address(out, address)) return false;
  out += '/' + std::to_string(address->prefix);
  return true;
}

// ---- searching texts

bool is_letter_or_digit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         static_cast<unsigned char>(c) >= 0x80;
}

/// The IPv4 address that begins at a place in a text and is set off behind it; empty where none does.
Text address_at(Text text, size_t at) {
  size_t end = at;
  int dots = 0;
  while (end < text.size() && ((text[end] >= '0' && text[end] <= '9') || (text[end] == '.' && dots < 3))) {
    dots += text[end++] == '.' ? 1 : 0;
  }
  if (end < text.size() && is_letter_or_digit(text[end])) return {};
  const Text found = text.substr(at, end - at);
  return Ipv4::parse(found) ? found : Text();
}

/// Whether an address of the text, set off from letters and digits around it, begins with `prefix`.
bool has_address(Text text, Text prefix, bool whole) {
  for (size_t at = text.find(prefix); at != Text::npos; at = text.find(prefix, at + 1)) {
    if (at > 0 && is_letter_or_digit(text[at - 1])) continue;
    const Text found = address_at(text, at);
    if (!found.empty() && (!whole || found.size() == prefix.size())) return true;
  }
  return false;
}

bool is_address(Text text) {
  return text.find('/') == Text::npos && Ipv4::parse(text);
}
bool has_v4(Text text, Text address) {
  return is_address(address) && has_address(text, address, true);
}

/// "192.", "192.168.", "192.168.1.", or a whole address.
bool has_v4_prefix(Text text, Text prefix) {
  if (is_address(prefix)) return has_address(text, prefix, true);
  const auto dots = std::count(prefix.begin(), prefix.end(), '.');
  if (dots < 1 || dots > 3 || !prefix.ends_with('.')) return false;
  std::string completed(prefix);
  for (auto i = dots; i < 3; ++i) completed += "0.";
  return is_address(completed + "0") && has_address(text, prefix, false);
}

// ---- declarations

void declare_ipv4(FunctionTableBuilder& table) {
  using enum Type;
  table.scalar("ipv4_compare")
      .doc("-1, 0 or 1: how two IPv4 addresses are ordered, over the bits that their prefixes leave.")
      .takes({String, String}, Long, native<[](Text a, Text b) { return compare_v4(a, b, 32); }>())
      .takes({String, String, Long}, Long, native<&compare_v4>());
  table.scalar("ipv4_is_match")
      .doc("True where two IPv4 addresses are the same, over the bits that their prefixes leave.")
      .takes({String, String}, Bool, native<[](Text a, Text b) { return is_zero(compare_v4(a, b, 32)); }>())
      .takes({String, String, Long}, Bool,
             native<[](Text a, Text b, int64_t bits) { return is_zero(compare_v4(a, b, bits)); }>());
  table.scalar("ipv4_is_in_range")
      .doc("True where an IPv4 address lies in a network.")
      .takes({String, String}, Bool, native<&is_in_range<Ipv4>>());
  table.scalar("ipv4_is_in_any_range")
      .doc("True where an IPv4 address lies in one of several networks.")
      .takes({String, as_dynamic()}, Bool, native<&is_in_any_range<Ipv4>>())
      .repeating(2);
  table.scalar("ipv4_is_private")
      .doc("True where an IPv4 address belongs to a private network.")
      .takes({String}, Bool, native<&is_private>());
  table.scalar("ipv4_netmask_suffix")
      .doc("The prefix of an IPv4 network; 32 where it has none.")
      .takes({String}, Long, native<&netmask_suffix>());
  table.scalar("ipv4_range_to_cidr_list")
      .doc("The networks that hold a range of IPv4 addresses.")
      .takes({String, String}, Dynamic, native<&range_to_networks>());
  table.scalar("parse_ipv4")
      .doc("An IPv4 address as a number.")
      .takes({String}, Long, native<[](Text text) { return parse_v4(text, 32); }>());
  table.scalar("parse_ipv4_mask")
      .doc("An IPv4 address as a number, of which the first bits count.")
      .takes({String, Long}, Long, native<&parse_v4>());
}

void declare_ipv4_text(FunctionTableBuilder& table) {
  using enum Type;
  table.scalar("format_ipv4")
      .doc("An IPv4 address, of text or a number, of which the first bits count.")
      .takes({String}, String,
             native<[](std::string& out, Text text) { return append_address(out, Ipv4::parse(text)); }>())
      .takes({Long}, String,
             native<[](std::string& out, int64_t number) { return append_address(out, ipv4_of(number)); }>())
      .takes({String, Long}, String, native<[](std::string& out, Text text, int64_t bits) {
               return append_address(out, masked(Ipv4::parse(text), bits));
             }>())
      .takes({Long, Long}, String, native<[](std::string& out, int64_t number, int64_t bits) {
               return append_address(out, masked(ipv4_of(number), bits));
             }>());
  table.scalar("format_ipv4_mask")
      .doc("An IPv4 network, of text or a number, of which the first bits count.")
      .takes({String}, String,
             native<[](std::string& out, Text text) { return append_network(out, Ipv4::parse(text)); }>())
      .takes({Long}, String,
             native<[](std::string& out, int64_t number) { return append_network(out, ipv4_of(number)); }>())
      .takes({String, Long}, String, native<[](std::string& out, Text text, int64_t bits) {
               return append_network(out, masked(Ipv4::parse(text), bits));
             }>())
      .takes({Long, Long}, String, native<[](std::string& out, int64_t number, int64_t bits) {
               return append_network(out, masked(ipv4_of(number), bits));
             }>());
  table.scalar("has_ipv4")
      .doc("True where a text holds an IPv4 address.")
      .takes({as_string(), String}, Bool, native<&has_v4>());
  table.scalar("has_ipv4_prefix")
      .doc("True where a text holds an IPv4 address that begins with a prefix.")
      .takes({as_string(), String}, Bool, native<&has_v4_prefix>());
  table.scalar("has_any_ipv4")
      .doc("True where a text holds one of several IPv4 addresses.")
      .takes({as_string(), as_dynamic()}, Bool, native<[](Text text, Rest addresses) {
               return any_text(addresses, [&](Text address) { return has_v4(text, address); });
             }>())
      .repeating(2);
  table.scalar("has_any_ipv4_prefix")
      .doc("True where a text holds an IPv4 address that begins with one of several prefixes.")
      .takes({as_string(), as_dynamic()}, Bool, native<[](Text text, Rest prefixes) {
               return any_text(prefixes, [&](Text prefix) { return has_v4_prefix(text, prefix); });
             }>())
      .repeating(2);
}

void declare_ipv6(FunctionTableBuilder& table) {
  using enum Type;
  table.scalar("ipv6_compare")
      .doc("-1, 0 or 1: how two IPv6 or IPv4 addresses are ordered, over the bits that their prefixes leave.")
      .takes({String, String}, Long, native<[](Text a, Text b) { return compare_v6(a, b, 128); }>())
      .takes({String, String, Long}, Long, native<&compare_v6>());
  table.scalar("ipv6_is_match")
      .doc("True where two IPv6 or IPv4 addresses are the same, over the bits that their prefixes leave.")
      .takes({String, String}, Bool, native<[](Text a, Text b) { return is_zero(compare_v6(a, b, 128)); }>())
      .takes({String, String, Long}, Bool,
             native<[](Text a, Text b, int64_t bits) { return is_zero(compare_v6(a, b, bits)); }>());
  table.scalar("ipv6_is_in_range")
      .doc("True where an IPv6 address lies in a network.")
      .takes({String, String}, Bool, native<&is_in_range<Ipv6>>());
  table.scalar("ipv6_is_in_any_range")
      .doc("True where an IPv6 address lies in one of several networks.")
      .takes({String, as_dynamic()}, Bool, native<&is_in_any_range<Ipv6>>())
      .repeating(2);
  table.scalar("parse_ipv6")
      .doc("An IPv6 or IPv4 address in the canonical notation of IPv6.")
      .takes({String}, String,
             native<[](std::string& out, Text text) { return parse_v6(out, text, 128); }>());
  table.scalar("parse_ipv6_mask")
      .doc("An IPv6 or IPv4 address in the canonical notation of IPv6, of which the first bits count.")
      .takes({String, Long}, String, native<&parse_v6>());
}

}  // namespace

void declare_ip(FunctionTableBuilder& table) {
  table.category("IP address");
  declare_ipv4(table);
  declare_ipv4_text(table);
  declare_ipv6(table);
}

}  // namespace spillway::kql
