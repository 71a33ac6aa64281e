// The tables that describe an answer, and the pieces that v1 and v2 share.
#pragma once

#include <string>
#include <string_view>

#include "server/answer.h"

namespace spillway::server {

/// Bytes that are gathered before they go to the connection.
inline constexpr size_t kAnswerPiece = 32 * 1024;

inline constexpr int kErrorLevel = 2, kWarningLevel = 3, kInfoLevel = 4, kStatsLevel = 6;
/// E_QUERY_RESULT_SET_TOO_LARGE, as Kusto's status tables give it.
inline constexpr int kResultTooLarge = -2133196797;

/// The JSON of a result without `render`.
extern const std::string kNoVisualization;

/// [{"ColumnName": …}, …]; v1 also gives the .NET type.
void append_columns(std::string& out, const Schema& schema, bool with_data_type);
void append_row(std::string& out, const engine::Batch& batch, size_t row);
void append_row(std::string& out, const std::vector<Value>& row);

/// The JSON of "QueryResourceConsumption" (v2) and of the Stats row (v1).
std::string resource_consumption(const AnswerStatistics& statistics);

/// StatusCode of a failure: Kusto's for a result that is too large, a general one otherwise.
int status_code_of(const Error& error);

}  // namespace spillway::server
