#include "kql/functions/regex.h"

#include <map>
#include <memory>
#include <string>

namespace spillway::kql {

const re2::RE2* compiled_regex(std::string_view pattern) {
  constexpr size_t kMostPatterns = 64;
  constexpr int64_t kMemory = 8 << 20;
  thread_local std::map<std::string, std::unique_ptr<re2::RE2>, std::less<>> cache;
  thread_local std::string last_pattern;
  thread_local const re2::RE2* last = nullptr;
  if (last && pattern == last_pattern) return last;
  auto found = cache.find(pattern);
  if (found == cache.end()) {
    if (cache.size() >= kMostPatterns) cache.clear();
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(kMemory);
    auto regex = std::make_unique<re2::RE2>(re2::StringPiece(pattern.data(), pattern.size()), options);
    found = cache.emplace(std::string(pattern), std::move(regex)).first;
  }
  last = nullptr;
  if (!found->second->ok()) return nullptr;
  last_pattern.assign(pattern);
  last = found->second.get();
  return last;
}

std::string regex_error(const Value& pattern) {
  if (pattern.is_null() || pattern.type() != Type::String || compiled_regex(pattern.as_text())) return "";
  return "'" + pattern.as_text() + "' is not a valid regular expression";
}

Status check_patterns(const NativeCall& call, size_t argument) {
  const VectorView& patterns = call.arguments[argument];
  for (size_t row = 0; row < call.rows; ++row) {
    if (patterns.is_null(row) || compiled_regex(patterns.text(row))) continue;
    return Status(ErrorCode::BadRequest,
                  "'" + std::string(patterns.text(row)) + "' is not a valid regular expression");
  }
  return Status();
}

}  // namespace spillway::kql
