// `spillway demo`: the whole of Spillway on three million flights, as one command.
#pragma once

namespace CLI {
class App;
}

namespace spillway::cli {

/// Adds the subcommand `demo` with its options; its callback runs the demo and throws CLI::RuntimeError where
/// it fails.
void add_demo_command(CLI::App& app);

}  // namespace spillway::cli
