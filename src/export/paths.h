// Where artifacts go: the folder of a partition and the name of a file.
//
//   object := [folder '/'] name
//   folder := what the external table's path format, or its partitions in their default forms, make of the
//   values name   := [prefix '_'] N '_' guid extension export_1_d08afcae2f044c1092b279412dcb571b.csv.gz
//
// Without a prefix, artifacts in partitions and of `.export to storage` begin with the operation's id.
// Source: management/data-export/export-data-to-an-external-table.md, export-data-to-storage.md.
#pragma once

#include <string>

#include "export/exports.h"

namespace spillway::exports {

/// The name of the `number`th artifact (counted from 1) that the operation writes; unique by its random part.
std::string artifact_name(const Settings& settings, const Guid& operation, int64_t number);

/// ".csv", ".csv.gz", ".parquet": what names of artifacts end with.
std::string artifact_extension(const Settings& settings);

/// False for texts that can't name a folder of every target: empty, too long, ".", "..", with separators,
/// control or reserved characters, blanks or dots at an end, or not UTF-8.
bool is_folder_name(std::string_view text);

}  // namespace spillway::exports
