// Reads `.create external table` commands, after the table's name.
//
//   definition := schema 'kind' '=' ('storage' | 'blob' | 'adl') ['partition' 'by' '(' partition {','
//   partition} ')'
//                 ['pathformat' '=' '(' element {element} ')']] 'dataformat' '=' format
//                 '(' connection {',' connection} ')' ['with' '(' property {',' property} ')']
//               | [schema] 'kind' '=' 'delta' '(' connection ')' ['with' '(' property {',' property} ')']
//   partition  := name ':' 'string' ['=' column]
//               | name ':' 'long' '=' 'hash' '(' column ',' number ')'
//               | name ':' 'datetime' ['=' (startofday | startofweek | startofmonth | startofyear) '(' column
//               ')'
//                                     | '=' 'bin' '(' column ',' timespan ')']
//   element    := text in quotes | partition name | 'datetime_pattern' '(' text in quotes ',' partition name
//   ')'
//
// Sources: management/external-tables-azure-storage.md, "Syntax", "Partitions formatting", "Path format";
// management/external-tables-delta-lake.md.
#pragma once

#include "base/status.h"
#include "catalog/model.h"
#include "commands/call.h"

namespace spillway::commands {

/// What the properties ask of the command itself.
struct ExternalTableRequest {
  catalog::ExternalTable table;  // of kind Delta: without what its log has to tell
  bool infer_columns = false;    // of kind Delta: no schema was given
  bool sample_uris = false, files_preview = false, validate_not_empty = false, dry_run = false;
};

/// Up to the end of the command. Errors: Syntax, BadRequest; NotSupported for kinds and authentication that
/// Spillway doesn't have.
Result<ExternalTableRequest> read_external_table(Reader& reader, const Name& name);

}  // namespace spillway::commands
