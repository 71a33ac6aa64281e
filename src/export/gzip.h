// One gzip member of a text.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace spillway::exports {

Result<std::string> gzip_member(std::string_view text);

}  // namespace spillway::exports
