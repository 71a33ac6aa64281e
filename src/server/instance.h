// A whole Spillway in one process: its data folder opened, its services wired and started. The HTTP server
// stands on it; tests may use it without HTTP.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "commands/commands.h"

namespace spillway::server {

struct InstanceOptions {
  std::string data_folder = {};                 // made where it is missing
  std::vector<std::string> storage_roots = {};  // none: DATA/storage
  /// Data folders of other servers whose databases are shown here, read-only. Their storage/ are storage
  /// roots, too, where none are given.
  std::vector<std::string> follow = {};
  int64_t memory_limit = 0;  // bytes; 0: the engine's default
  int threads = 0;
  bool access_control = false;   // principals have roles: exports::ServiceOptions
  const Clock* clock = nullptr;  // nullptr: the system's
};

class Instance {
 public:
  /// Takes the folder's lock, recovers, starts the exports. The data folder holds catalog/, extents/,
  /// staging/, temp/ and storage/, and followed/ where others are followed.
  static Result<std::unique_ptr<Instance>> open(const InstanceOptions& options);
  virtual ~Instance() = default;
  virtual commands::Services services() = 0;
  /// Stops the exports; what runs ends or is cancelled. Safe to call twice.
  virtual void stop() = 0;
};

}  // namespace spillway::server
