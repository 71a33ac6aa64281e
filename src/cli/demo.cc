#include "cli/demo.h"

#include <CLI/CLI.hpp>

namespace spillway::cli {

void add_demo_command(CLI::App&) {}

}  // namespace spillway::cli
