// What the user-agent text of a browser tells of it, its operating system and its device, by the regular
// expressions of uap-core, which are part of the program.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace spillway::kql {

enum class AgentPart { Browser, OperatingSystem, Device };

/// The values of a part, "" where they aren't known: family, major and minor version, patch (and minor patch)
/// of a browser (an operating system); family, brand and model of a device. Takes milliseconds.
std::vector<std::string> parse_user_agent(std::string_view user_agent, AgentPart part);

}  // namespace spillway::kql
