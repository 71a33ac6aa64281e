#include "base/status.h"

namespace spillway {

const char* name_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::BadRequest: return "BadRequest";
    case ErrorCode::Syntax: return "Syntax";
    case ErrorCode::Semantic: return "Semantic";
    case ErrorCode::EntityNotFound: return "EntityNotFound";
    case ErrorCode::EntityExists: return "EntityExists";
    case ErrorCode::NotSupported: return "NotSupported";
    case ErrorCode::Unauthorized: return "Unauthorized";
    case ErrorCode::Forbidden: return "Forbidden";
    case ErrorCode::Conflict: return "Conflict";
    case ErrorCode::Cancelled: return "Cancelled";
    case ErrorCode::Throttled: return "Throttled";
    case ErrorCode::Timeout: return "Timeout";
    case ErrorCode::LimitExceeded: return "LimitExceeded";
    case ErrorCode::SchemaMismatch: return "SchemaMismatch";
    case ErrorCode::StorageAccess: return "StorageAccess";
    case ErrorCode::StorageTransient: return "StorageTransient";
    case ErrorCode::DataFormat: return "DataFormat";
    case ErrorCode::Internal: return "Internal";
  }
  return "Internal";
}

}  // namespace spillway
