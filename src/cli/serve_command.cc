#include <signal.h>

#include <CLI/CLI.hpp>

#include <charconv>
#include <cstdio>
#include <memory>

#include "base/log.h"
#include "cli/commands.h"
#include "server/server.h"

namespace spillway::cli {
namespace {

struct ServeArguments {
  server::ServerOptions server;
  std::string listen = "127.0.0.1:8080";
  std::string log_level = "info";
};

[[noreturn]] void fail(const std::string& message) {
  std::fprintf(stderr, "spillway serve: %s\n", message.c_str());
  throw CLI::RuntimeError(1);
}

/// "127.0.0.1:8080", "[::1]:8080", "localhost:0".
void read_address(const std::string& listen, server::ServerOptions& options) {
  const size_t colon = listen.rfind(':');
  const std::string_view port = colon == std::string::npos ? "" : std::string_view(listen).substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), options.port);
  options.host = listen.substr(0, colon);
  if (options.host.starts_with('[') && options.host.ends_with(']')) {
    options.host = options.host.substr(1, options.host.size() - 2);
  }
  if (port.empty() || error != std::errc() || end != port.data() + port.size() || options.host.empty()) {
    fail("--listen takes HOST:PORT, not '" + listen + "'");
  }
}

log::Level level_of(const std::string& name) {
  if (name == "debug") return log::Level::Debug;
  if (name == "warning") return log::Level::Warning;
  return name == "error" ? log::Level::Error : log::Level::Info;
}

/// Blocked in every thread, so that sigwait() gets them.
sigset_t block_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

void serve(ServeArguments& arguments) {
  log::set_level(level_of(arguments.log_level));
  read_address(arguments.listen, arguments.server);
  const sigset_t signals = block_signals();
  auto server = server::Server::start(arguments.server);
  if (!server.ok()) fail(server.error().message);
  std::printf("Spillway is ready at %s\n", (*server)->url().c_str());
  std::fflush(stdout);

  int signal = 0;
  sigwait(&signals, &signal);
  log::info("stopping", {{"signal", signal == SIGTERM ? "SIGTERM" : "SIGINT"}});
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);  // a second one ends the process at once
  (*server)->stop();
  log::info("stopped");
}

}  // namespace

void add_serve_command(CLI::App& app) {
  const auto arguments = std::make_shared<ServeArguments>();
  server::InstanceOptions& instance = arguments->server.instance;
  instance.data_folder = "./spillway-data";
  CLI::App* command = app.add_subcommand("serve", "Run a server on a data folder until SIGTERM or SIGINT");
  command->add_option("--data", instance.data_folder, "Data folder; made where it is missing")
      ->capture_default_str();
  command->add_option("--listen", arguments->listen, "HOST:PORT; port 0 takes a free one")
      ->capture_default_str();
  command
      ->add_option("--storage-root", instance.storage_roots,
                   "Folder that external tables and .ingest may use; repeatable (default: storage/ in the "
                   "data folder)")
      ->allow_extra_args(false);
  command
      ->add_option("--follow", instance.follow,
                   "Data folder of another server whose databases are shown here, read-only; repeatable")
      ->allow_extra_args(false);
  command->add_option("--memory-limit", instance.memory_limit, "Memory of the query engine, such as 4GB")
      ->transform(CLI::AsSizeValue(false));
  command
      ->add_option("--threads", instance.threads, "Threads of the query engine (default: one for each core)")
      ->check(CLI::Range(1, 1024));
  command
      ->add_option("--api-token-file", arguments->server.token_file,
                   "File with the tokens that requests must carry, each with whose it is (docs/rest-api.md); "
                   "needed to "
                   "listen on other than loopback")
      ->check(CLI::ExistingFile);
  command->add_option("--log-level", arguments->log_level, "debug, info, warning or error")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
      ->capture_default_str();
  command->callback([arguments] { serve(*arguments); });
}

}  // namespace spillway::cli
