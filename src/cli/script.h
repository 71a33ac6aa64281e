// Scripts: several commands and queries in one text.
//
//   // comments stay with what follows them
//   .create table T (a:long, b:string)
//   .ingest inline into table T <|
//   1,one
//   2,two
//
//   T | count
//
// A statement ends at a blank line, or where a line begins with a dot, unless that is within brackets, within
// a string, or, for the blank-less form, within the data of `.ingest inline`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace spillway::cli {

struct ScriptStatement {
  std::string text;
  int line = 1;  // of its first line in the script, from 1
};

std::vector<ScriptStatement> split_script(std::string_view script);

}  // namespace spillway::cli
