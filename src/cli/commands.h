// The subcommands of `spillway`. Each adds itself with its options; its callback does the work and throws
// CLI::RuntimeError with the exit status where that isn't 0.
#pragma once

namespace CLI {
class App;
}

namespace spillway::cli {

void add_serve_command(CLI::App& app);
void add_query_commands(CLI::App& app);  // query, exec

}  // namespace spillway::cli
