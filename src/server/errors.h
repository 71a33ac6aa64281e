// Errors as Kusto's clients know them: the HTTP status, the code and the exception name of each ErrorCode,
// and the OneApi body around them. The mapping stands in one table, in errors.cc. Source:
// api/rest/response.md (statuses), api/rest/response-v2.md (the shape).
#pragma once

#include <string>

#include "base/clock.h"
#include "base/status.h"

namespace spillway::server {

/// Which request an answer belongs to.
struct RequestIds {
  std::string client_request_id;  // x-ms-client-request-id, or one made for it
  std::string activity_id;        // x-ms-activity-id of the answer: unique
  bool is_command = false;        // of a management command: its throttling has another type
};

int http_status(ErrorCode code);

/// The sentence that a person reads: "Syntax error: SYN0002: … [line:position=1:9]".
std::string message_of(const Error& error);

/// {"error": {…}}.
std::string one_api_error(const Error& error, const RequestIds& ids, Ticks now);

}  // namespace spillway::server
