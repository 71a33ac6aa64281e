#include "server/errors.h"

#include <unistd.h>

#include <array>
#include <iterator>
#include <optional>
#include <string_view>

#include "server/json.h"

namespace spillway::server {
namespace {

struct Mapping {
  ErrorCode code;
  int status;
  const char* one_api_code;
  const char* type;
  const char* message;  // what is the same for every error of the kind
};

constexpr const char* kInvalid = "Request is invalid and cannot be executed.";

constexpr Mapping kMappings[] = {
    {ErrorCode::BadRequest, 400, "General_BadRequest", "Kusto.Data.Exceptions.KustoBadRequestException",
     kInvalid},
    {ErrorCode::Syntax, 400, "General_BadRequest", "Kusto.Data.Exceptions.KustoBadRequestException",
     kInvalid},
    {ErrorCode::Semantic, 400, "General_BadRequest", "Kusto.Data.Exceptions.KustoBadRequestException",
     kInvalid},
    {ErrorCode::EntityNotFound, 400, "BadRequest_EntityNotFound",
     "Kusto.Common.Svc.Exceptions.EntityNotFoundException", kInvalid},
    {ErrorCode::EntityExists, 400, "BadRequest_EntityAlreadyExists",
     "Kusto.Common.Svc.Exceptions.EntityAlreadyExistsException", kInvalid},
    {ErrorCode::NotSupported, 400, "BadRequest_NotSupported",
     "Kusto.Data.Exceptions.KustoBadRequestException", "Request isn't supported."},
    {ErrorCode::Unauthorized, 401, "General_Unauthorized",
     "Kusto.Data.Exceptions.KustoClientAuthenticationException", "Request is not authenticated."},
    {ErrorCode::Forbidden, 403, "General_Forbidden", "Kusto.Data.Exceptions.KustoRequestDeniedException",
     "Request is denied."},
    {ErrorCode::Conflict, 409, "General_Conflict", "Kusto.Data.Exceptions.KustoConflictException",
     "Request conflicts with another one."},
    {ErrorCode::Cancelled, 400, "QueryCancelled", "Kusto.Data.Exceptions.KustoQueryCancelledByUserException",
     "Request was cancelled."},
    {ErrorCode::Throttled, 429, "TooManyRequests", "Kusto.DataNode.Exceptions.QueryThrottledException",
     "Request is denied due to throttling."},
    {ErrorCode::Timeout, 504, "Timeout", "Kusto.Data.Exceptions.KustoServiceTimeoutException",
     "Request has timed out."},
    {ErrorCode::LimitExceeded, 400, "LimitsExceeded",
     "Kusto.Data.Exceptions.KustoServicePartialQueryFailureLimitsExceededException", kInvalid},
    {ErrorCode::SchemaMismatch, 400, "BadRequest_SchemaMismatch",
     "Kusto.Data.Exceptions.KustoBadRequestException", kInvalid},
    {ErrorCode::StorageAccess, 400, "BadRequest_StorageAccess",
     "Kusto.Data.Exceptions.KustoBadRequestException", kInvalid},
    {ErrorCode::StorageTransient, 503, "General_StorageUnavailable",
     "Kusto.Data.Exceptions.KustoServiceTemporarilyUnavailableException",
     "Storage is temporarily unavailable."},
    {ErrorCode::DataFormat, 400, "BadRequest_InvalidData", "Kusto.Data.Exceptions.KustoBadRequestException",
     kInvalid},
    {ErrorCode::Internal, 520, "General_InternalServerError",
     "Kusto.Data.Exceptions.KustoServicePartialQueryFailureException",
     "Service found an error while processing the request."},
};

constexpr const char* kThrottledCommand = "Kusto.DataNode.Exceptions.ControlCommandThrottledException";

const Mapping& mapping_of(ErrorCode code) {
  for (const Mapping& mapping : kMappings) {
    if (mapping.code == code) return mapping;
  }
  return kMappings[std::size(kMappings) - 1];
}

/// What Kusto nests in a bad request: the language's own error.
struct Inner {
  const char* kind;  // "Syntax error"
  const char* type;
  std::string code;
  std::string message;  // without the code
};
constexpr const char* kSyntaxCode = "SYN0002";
constexpr const char* kSemanticCode = "SEM0100";

/// The code that a message begins with, as in "SEM0260: Unknown function"; empty where it has none.
std::string_view code_in(std::string_view message) {
  constexpr size_t kLetters = 3, kLength = 7;
  if (message.size() < kLength + 2 || message.substr(kLength, 2) != ": ") return {};
  const std::string_view code = message.substr(0, kLength);
  const bool digits = code.find_first_not_of("0123456789", kLetters) == std::string_view::npos;
  return digits && (code.starts_with("SEM") || code.starts_with("SYN")) ? code : std::string_view();
}

std::optional<Inner> inner_of(const Error& error) {
  if (error.code != ErrorCode::Syntax && error.code != ErrorCode::Semantic) return std::nullopt;
  const bool syntax = error.code == ErrorCode::Syntax;
  Inner inner{syntax ? "Syntax error" : "Semantic error",
              syntax ? "Kusto.Data.Exceptions.SyntaxException" : "Kusto.Data.Exceptions.SemanticException",
              syntax ? kSyntaxCode : kSemanticCode, error.message};
  if (const std::string_view code = code_in(error.message); !code.empty()) {
    inner.code = code;
    inner.message = error.message.substr(code.size() + 2);
  }
  return inner;
}

/// Kusto counts positions in a line from zero.
int position_of(const TextSpan& span) {
  return span.column > 0 ? span.column - 1 : 0;
}

void append_member(std::string& out, std::string_view name, std::string_view text) {
  append_json_string(out, name);
  out += ':';
  append_json_string(out, text);
  out += ',';
}

std::string machine_name() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown";
}

void append_context(std::string& out, const RequestIds& ids, Ticks now) {
  out += "\"@context\":{";
  append_member(out, "timestamp", format_datetime(now));
  append_member(out, "serviceAlias", "SPILLWAY");
  append_member(out, "machineName", machine_name());
  append_member(out, "processName", "spillway");
  out += "\"processId\":" + std::to_string(getpid()) + ",\"threadId\":" + std::to_string(gettid()) + ',';
  append_member(out, "clientRequestId", ids.client_request_id);
  append_member(out, "activityId", ids.activity_id);
  append_member(out, "subActivityId", ids.activity_id);
  append_member(out, "activityType", "SpillwayRequest");
  append_member(out, "parentActivityId", ids.activity_id);
  append_member(out, "activityStack",
                "(Activity stack: CRID=" + ids.client_request_id + " ARID=" + ids.activity_id + ")");
  out.back() = '}';
  out += ',';
}

void append_inner(std::string& out, const Error& error, const Inner& inner, const RequestIds& ids,
                  Ticks now) {
  out += ",\"innererror\":{";
  append_member(out, "code", inner.code);
  append_member(out, "message", inner.message);
  append_member(out, "@type", inner.type);
  append_member(out, "@message", message_of(error));
  append_context(out, ids, now);
  out += "\"@permanent\":true,";
  if (error.span) {
    append_member(out, "@line", std::to_string(error.span->line));
    append_member(out, "@pos", std::to_string(position_of(*error.span)));
  }
  append_member(out, "@errorCode", inner.code);
  append_member(out, "@errorMessage", inner.message);
  out.back() = '}';
}

}  // namespace

int http_status(ErrorCode code) {
  return mapping_of(code).status;
}

std::string message_of(const Error& error) {
  const std::optional<Inner> inner = inner_of(error);
  std::string out = error.message;
  if (inner) out = std::string(inner->kind) + ": " + inner->code + ": " + inner->message;
  if (error.span) {
    out += " [line:position=" + std::to_string(error.span->line) + ':' +
           std::to_string(position_of(*error.span)) + ']';
  }
  return out;
}

std::string one_api_error(const Error& error, const RequestIds& ids, Ticks now) {
  const Mapping& mapping = mapping_of(error.code);
  const std::optional<Inner> inner = inner_of(error);
  std::string out = "{\"error\":{";
  append_member(out, "code", mapping.one_api_code);
  append_member(out, "message", mapping.message);
  const bool throttled_command = error.code == ErrorCode::Throttled && ids.is_command;
  append_member(out, "@type", throttled_command ? kThrottledCommand : mapping.type);
  append_member(out, "@message",
                (inner ? "Request is invalid and cannot be processed: " : "") + message_of(error));
  append_context(out, ids, now);
  out += error.permanent() ? "\"@permanent\":true" : "\"@permanent\":false";
  if (inner) append_inner(out, error, *inner, ids, now);
  return out + "}}";
}

}  // namespace spillway::server
