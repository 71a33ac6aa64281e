// The properties of `.create-or-alter continuous-export`.
// Source: management/data-export/create-alter-continuous.md.
#pragma once

#include <map>
#include <string>

#include "base/status.h"
#include "catalog/model.h"

namespace spillway::exports {

/// Sets interval, forced latency, size limit, `disabled` and the properties that settings_for_table() reads.
/// BadRequest names the property and what it may be.
Status apply_properties(const std::map<std::string, std::string>& properties,
                        catalog::ContinuousExport& definition);

}  // namespace spillway::exports
