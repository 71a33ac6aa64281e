// The JSON texts in which the catalog's rows hold what no statement selects by: definitions and lists.
// decode_* throw std::exception where a text isn't what encode_* wrote.
#pragma once

#include <string>

#include "catalog/model.h"

namespace spillway::catalog {

std::string encode(const Table& table);  // all but id, name and extents
void decode(const std::string& text, Table& table);

std::string encode(const Function& function);  // all but the name
void decode(const std::string& text, Function& function);

std::string encode(const ExternalTable& table);  // all but id and name
void decode(const std::string& text, ExternalTable& table);

std::string encode(const ContinuousExport& definition);  // all but id, name, disabled and the state
void decode(const std::string& text, ContinuousExport& definition);

/// datetime_ranges, tags, and what a move or a merge of moved extents leaves; empty where there is none of
/// it.
std::string encode(const Extent& extent);
void decode(const std::string& text, Extent& extent);

std::string encode(const IngestionFailure& failure);  // all but the database and the time
void decode(const std::string& text, IngestionFailure& failure);

}  // namespace spillway::catalog
