// Structured log lines on standard error: one line an event, `key=value` fields, values quoted where needed.
//
//   log::info("export run completed", {{"export", name}, {"records", records}});
//
// A value that could hold a secret never gets here: connection strings are logged by their redacted form.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace spillway::log {

enum class Level { Debug, Info, Warning, Error };

struct Field {
  std::string_view key;
  std::string value;
  Field(std::string_view k, std::string v) : key(k), value(std::move(v)) {}
  Field(std::string_view k, const char* v) : key(k), value(v) {}
  Field(std::string_view k, std::string_view v) : key(k), value(v) {}
  Field(std::string_view k, bool v) : key(k), value(v ? "true" : "false") {}
  template <typename N>
  requires(std::is_arithmetic_v<N>) Field(std::string_view k, N v) : key(k), value(std::to_string(v)) {}
};
using Fields = std::initializer_list<Field>;

void set_level(Level level);
void write(Level level, std::string_view event, Fields fields);
inline void debug(std::string_view event, Fields fields = {}) {
  write(Level::Debug, event, fields);
}
inline void info(std::string_view event, Fields fields = {}) {
  write(Level::Info, event, fields);
}
inline void warning(std::string_view event, Fields fields = {}) {
  write(Level::Warning, event, fields);
}
inline void error(std::string_view event, Fields fields = {}) {
  write(Level::Error, event, fields);
}

}  // namespace spillway::log
