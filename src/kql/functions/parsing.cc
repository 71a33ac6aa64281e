// Texts of other formats taken apart: CSV, XML, command lines, versions. Text that can't be parsed gives
// null.
#include <algorithm>
#include <optional>

#include "base/decimal_number.h"
#include "kql/functions/builder.h"
#include "kql/functions/user_agents.h"
#include "kql/functions/xml.h"
#include "kql/json.h"

namespace spillway::kql {
namespace {

using Text = std::string_view;

void append_element(std::string& out, Text element) {
  if (out.size() > 1) out += ',';
  json::quote(element, out);
}

/// The field at the start of `text`, which is taken off it; quotes may enclose what would end the field.
void take_field(Text& text, std::string& field) {
  bool quoted = false;
  size_t at = 0;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '"' && quoted && at + 1 < text.size() && text[at + 1] == '"') {
      field += '"';
      ++at;
    } else if (c == '"' && (quoted || field.empty())) {
      quoted = !quoted;
    } else if (!quoted && (c == ',' || c == '\n' || c == '\r')) {
      break;
    } else {
      field += c;
    }
  }
  text.remove_prefix(at);
}

/// The fields of the first record.
void parse_csv(std::string& out, Text text) {
  out += '[';
  std::string field;
  while (true) {
    field.clear();
    take_field(text, field);
    append_element(out, field);
    if (!text.starts_with(',')) break;
    text.remove_prefix(1);
  }
  out += ']';
}

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

/// The program's name: what quotes enclose, or what stands before the first blank. A backslash means itself.
Text take_program(Text& line) {
  const bool quoted = line.starts_with('"');
  if (quoted) line.remove_prefix(1);
  const size_t end = std::min(quoted ? line.find('"') : line.find_first_of(" \t"), line.size());
  const Text program = line.substr(0, end);
  line.remove_prefix(std::min(end + (quoted ? 1 : 0), line.size()));
  return program;
}

/// Backslashes before a quote escape it and each other; a doubled quote within quotes is one.
std::string take_argument(Text& line) {
  std::string argument;
  bool quoted = false;
  size_t at = 0;
  while (at < line.size() && (quoted || !is_blank(line[at]))) {
    size_t slashes = 0;
    while (at < line.size() && line[at] == '\\') ++slashes, ++at;
    if (at >= line.size() || line[at] != '"') {
      argument.append(slashes, '\\');
      if (slashes == 0) argument += line[at++];
      continue;
    }
    argument.append(slashes / 2, '\\');
    ++at;
    if (slashes % 2 == 1) {
      argument += '"';
    } else if (quoted && at < line.size() && line[at] == '"') {
      argument += '"';
      ++at;
    } else {
      quoted = !quoted;
    }
  }
  line.remove_prefix(at);
  return argument;
}

/// As CommandLineToArgvW does it.
bool parse_command_line(std::string& out, Text line, Text parser) {
  if (parser != "windows" || line.empty()) return false;
  out += '[';
  append_element(out, take_program(line));
  while (true) {
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    if (line.empty()) break;
    append_element(out, take_argument(line));
  }
  out += ']';
  return true;
}

std::string parser_error(const Value& parser) {
  if (parser.type() != Type::String || parser.as_text() == "windows") return "";
  return "there is no parser '" + parser.as_text() + "', only 'windows'";
}

// ---- user agents

struct AgentField {
  Text look_for, name;
  AgentPart part;
  std::vector<Text> members;
};
const std::vector<AgentField>& agent_fields() {
  static const std::vector<AgentField> fields = {
      {"browser", "Browser", AgentPart::Browser, {"Family", "MajorVersion", "MinorVersion", "Patch"}},
      {"os",
       "OperatingSystem",
       AgentPart::OperatingSystem,
       {"Family", "MajorVersion", "MinorVersion", "Patch", "PatchMinor"}},
      {"device", "Device", AgentPart::Device, {"Family", "Brand", "Model"}},
  };
  return fields;
}

void append_agent_field(std::string& out, Text user_agent, const AgentField& field) {
  const std::vector<std::string> values = parse_user_agent(user_agent, field.part);
  json::quote(field.name, out);
  out += ":{";
  for (size_t i = 0; i < field.members.size(); ++i) {
    if (i > 0) out += ',';
    json::quote(field.members[i], out);
    out += ':';
    json::quote(values[i], out);
  }
  out += '}';
}

/// What of it is wanted: "browser", "os" or "device", or an array of them.
bool user_agent_parts(std::string& out, Text user_agent, Text wanted) {
  std::vector<std::string> names;
  if (json::kind_of(wanted) == json::Kind::Array) {
    for (json::Cursor each(wanted); each.next();) json::append_text(each.value(), names.emplace_back());
  } else {
    json::append_text(wanted, names.emplace_back());
  }
  out += '{';
  for (const AgentField& field : agent_fields()) {
    if (std::find(names.begin(), names.end(), field.look_for) == names.end()) continue;
    if (out.size() > 1) out += ',';
    append_agent_field(out, user_agent, field);
  }
  out += '}';
  return out.size() > 2;
}

/// One to four numbers of at most eight digits with dots between them, as one number: each has its eight
/// digits of it.
std::optional<DecimalNumber> parse_version(Text version) {
  constexpr size_t kParts = 4, kDigits = 8;
  std::string digits;
  size_t parts = 0;
  while (true) {
    const size_t end = std::min(version.find('.'), version.size());
    const Text part = version.substr(0, end);
    const bool good = !part.empty() && part.size() <= kDigits && ++parts <= kParts &&
                      std::all_of(part.begin(), part.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!good) return std::nullopt;
    digits.append(kDigits - part.size(), '0').append(part);
    if (end == version.size()) break;
    version.remove_prefix(end + 1);
  }
  digits.append((kParts - parts) * kDigits, '0');
  return DecimalNumber::parse(digits);
}

}  // namespace

void declare_parsing(FunctionTableBuilder& table) {
  using enum Type;
  table.category("parsing");
  table.scalar("parse_csv")
      .doc("The fields of a record of comma-separated values.")
      .takes({as_string()}, Dynamic, native<&parse_csv>());
  table.scalar("parse_command_line")
      .doc("The arguments of a command line, as Windows parses it.")
      .takes({as_string(), String}, Dynamic, native<&parse_command_line>())
      .checks(1, &parser_error);
  table.scalar("parse_xml")
      .doc("A bag of what XML holds: elements, their attributes and texts.")
      .takes({as_string()}, Dynamic, native<&parse_xml>());
  table.scalar("parse_version")
      .doc("A version of up to four parts as a decimal that orders as versions do.")
      .takes({as_string()}, Decimal, native<&parse_version>());
  table.scalar("parse_user_agent")
      .doc("A bag of what a user agent tells of its browser, operating system or device.")
      .takes({as_string(), as_dynamic()}, Dynamic, native<&user_agent_parts>());
}

}  // namespace spillway::kql
