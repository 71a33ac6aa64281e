// Whether what a continuous export reported is still what lies in its target: each artifact read, and
// compared with what was committed.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "export/exports.h"

namespace spillway::exports {

class Verifier {
 public:
  Verifier(catalog::Catalog& catalog, engine::Engine& engine, const storage::StoreFactory& stores,
           std::string staging_folder)
      : catalog_(catalog), engine_(engine), stores_(stores), staging_folder_(std::move(staging_folder)) {}

  /// A finding for each exported artifact, in the order of their commits. An error only where the catalog
  /// can't be read or the work was cancelled: what a store says is a finding.
  Result<std::vector<Finding>> verify(const std::string& database, const std::string& name,
                                      const std::shared_ptr<engine::CancelToken>& cancel);

 private:
  Finding look_at(const catalog::Artifact& artifact, const std::string& scratch,
                  const std::function<bool()>& cancelled);
  void compare(const catalog::Artifact& artifact, const std::string& file, Finding& finding);
  bool has_headers(const catalog::Artifact& artifact) const;
  Result<int64_t> count_records(const catalog::Artifact& artifact, const std::string& file);

  catalog::Catalog& catalog_;
  engine::Engine& engine_;
  const storage::StoreFactory& stores_;
  const std::string staging_folder_;
};

}  // namespace spillway::exports
