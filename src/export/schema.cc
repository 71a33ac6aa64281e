#include <algorithm>

#include "export/target_plan.h"

namespace spillway::exports {
namespace {

const Field* find(const Schema& schema, const std::string& name) {
  const auto found =
      std::find_if(schema.begin(), schema.end(), [&](const Field& f) { return f.name == name; });
  return found == schema.end() ? nullptr : &*found;
}

bool has_column(const std::vector<catalog::Column>& columns, const std::string& name) {
  return std::any_of(columns.begin(), columns.end(), [&](const auto& c) { return c.name == name; });
}

std::string quoted(const std::string& name, Type type) {
  return "'" + name + "' (" + kql_name(type) + ")";
}

Status check_partitions(const Target& target) {
  for (const catalog::Partition& partition : target.partitions) {
    if (partition.kind == catalog::Partition::Kind::Virtual) continue;
    if (!has_column(target.columns, partition.column)) {
      return Status(ErrorCode::SchemaMismatch, "partition '" + partition.name + "' of external table '" +
                                                   target.name + "' is computed from column '" +
                                                   partition.column + "', which the table doesn't have");
    }
  }
  return {};
}

bool is_virtual_column(const Target& target, const std::string& name) {
  return std::any_of(target.partitions.begin(), target.partitions.end(), [&](const auto& p) {
    return p.kind == catalog::Partition::Kind::Virtual && p.name == name;
  });
}

}  // namespace

Status check_target(const Schema& output, const Target& target) {
  SPILLWAY_TRY(check_partitions(target));
  std::string differences;
  const auto differs = [&](const std::string& text) {
    differences += (differences.empty() ? "" : "; ") + text;
  };
  const auto check = [&](const std::string& name, Type type, const char* kind) {
    const Field* field = find(output, name);
    if (!field) {
      differs("the query has no " + std::string(kind) + " " + quoted(name, type));
    } else if (field->type != type) {
      differs(kind + std::string(" '") + name + "' is " + kql_name(field->type) + " in the query and " +
              kql_name(type) + " in the external table");
    }
  };
  for (const catalog::Column& column : target.columns) check(column.name, column.type, "column");
  for (const catalog::Partition& partition : target.partitions) {
    if (partition.kind == catalog::Partition::Kind::Virtual)
      check(partition.name, partition.type, "virtual column");
  }
  for (const Field& field : output) {
    if (!has_column(target.columns, field.name) && !is_virtual_column(target, field.name)) {
      differs("the external table has no column " + quoted(field.name, field.type));
    }
  }
  if (differences.empty()) return {};
  return Status(ErrorCode::SchemaMismatch,
                "the output of the query doesn't match external table '" + target.name + "': " + differences);
}

Status check_schema(const Schema& output, const catalog::ExternalTable& table) {
  return check_target(output, {table.name, table.columns, table.partitions});
}

}  // namespace spillway::exports
