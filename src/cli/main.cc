#include <csignal>

#include <CLI/CLI.hpp>

#include <cstdio>

#include "cli/commands.h"
#include "cli/demo.h"

int main(int argc, char** argv) {
  // A reader that goes away shows as a failed write.
  std::signal(SIGPIPE, SIG_IGN);
  try {
    CLI::App app{
        "Spillway: a Kusto-compatible analytics server whose continuous exports deliver exactly once"};
    app.set_version_flag("--version", "spillway " SPILLWAY_VERSION);
    app.require_subcommand(1);
    spillway::cli::add_serve_command(app);
    spillway::cli::add_query_commands(app);
    spillway::cli::add_demo_command(app);
    CLI11_PARSE(app, argc, argv);
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "spillway: %s\n", failure.what());
    return 1;
  }
  return 0;
}
