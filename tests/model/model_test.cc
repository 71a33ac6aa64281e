// The proof by a model: random schedules of ingestion, merges, drops, alters, exports, failures and restarts,
// held against the model of model.h.
//
// A schedule is all in its seed. One that failed is replayed by the command that it prints:
//   SPILLWAY_MODEL_SEED=1234 build/model_tests --gtest_filter='Model.FreshSchedules'
// SPILLWAY_MODEL_LOG=1 shows the log meanwhile, SPILLWAY_MODEL_TRACE=1 the steps of schedules that pass too.
// The long form, 1,000 schedules from seed 1 on (or from SPILLWAY_MODEL_SEED on):
//   SPILLWAY_MODEL_SCHEDULES=1000 build/model_tests --gtest_filter='Model.*Schedules'
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "base/fail_point.h"
#include "base/log.h"
#include "tests/model/concurrent.h"
#include "tests/model/schedule.h"

namespace spillway::model {
namespace {

using Clock = std::chrono::steady_clock;

std::optional<uint64_t> number_of(const char* variable) {
  const char* text = std::getenv(variable);
  return text ? std::optional<uint64_t>(std::strtoull(text, nullptr, 10)) : std::nullopt;
}

class Environment : public testing::Environment {
 public:
  void SetUp() override {
    // Warnings are of the failures that schedules are made of.
    if (!std::getenv("SPILLWAY_MODEL_LOG")) log::set_level(log::Level::Error);
    // What isn't on a disk needs no time to be synced.
    if (std::filesystem::exists("/dev/shm")) ::setenv("TMPDIR", "/dev/shm", 1);
  }
};
const testing::Environment* const kEnvironment = testing::AddGlobalTestEnvironment(new Environment);

/// More of them tell nothing new.
constexpr uint64_t kMostFailures = 5;

template <typename ScheduleOf>
bool passes(uint64_t seed, const std::string& test, ScheduleOf&& make) {
  std::string message;
  std::vector<std::string> trace;
  try {
    auto schedule = make(seed);
    try {
      schedule->run();
    } catch (const Violation& violation) {
      message = violation.message;
    } catch (const std::exception& exception) {
      message = std::string("exception: ") + exception.what();
    }
    trace = schedule->trace();
    fail_point::disarm_all();
  } catch (const Violation& violation) {
    message = "before its first step: " + violation.message;
  }
  fail_point::disarm_all();
  std::string steps;
  for (size_t i = 0; i < trace.size(); ++i) steps += std::to_string(i + 1) + ". " + trace[i] + "\n";
  if (std::getenv("SPILLWAY_MODEL_TRACE")) std::cout << steps;
  if (message.empty()) return true;
  ADD_FAILURE() << "seed " << seed << ": " << message << "\nreplay: SPILLWAY_MODEL_SEED=" << seed
                << " build/model_tests --gtest_filter='" << test << "'\n"
                << steps;
  return false;
}

/// One schedule by its seed where SPILLWAY_MODEL_SEED is set, so many as SPILLWAY_MODEL_SCHEDULES says, or
/// else fresh ones for so many seconds.
template <typename ScheduleOf>
void run_schedules(const std::string& test, int seconds, const ScheduleOf& make) {
  const auto given = number_of("SPILLWAY_MODEL_SEED"), count = number_of("SPILLWAY_MODEL_SCHEDULES");
  uint64_t seed = given ? *given : count ? 1 : Guid::random().low % 1'000'000'000'000;
  std::cout << "from seed " << seed << " on" << std::endl;
  const auto start = Clock::now();
  uint64_t done = 0, failed = 0;
  while (count ? done < *count : given ? done < 1 : Clock::now() - start < std::chrono::seconds(seconds)) {
    failed += passes(seed++, test, make) ? 0 : 1;
    if (failed == kMostFailures) return;
    if (++done % 100 == 0) std::cout << done << " schedules" << std::endl;
  }
  std::cout << done - failed << " of " << done << " schedules passed in "
            << std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start).count() << " ms\n";
}

std::unique_ptr<Schedule> schedule_of(uint64_t seed) {
  return std::make_unique<Schedule>(seed, 40 + static_cast<int>(seed % 61));
}

TEST(Model, FreshSchedules) {
  run_schedules("Model.FreshSchedules", 15, schedule_of);
}

TEST(Model, FreshConcurrentSchedules) {
  run_schedules("Model.FreshConcurrentSchedules", 10,
                [](uint64_t seed) { return std::make_unique<ConcurrentSchedule>(seed); });
}

/// Schedules that once found something: what each found.
TEST(Model, SeedsThatFoundSomething) {
  const std::pair<uint64_t, const char*> seeds[] = {
      {653, "a failure that is recorded late, of an export that was disabled meanwhile"},
  };
  for (const auto& [seed, what] : seeds) {
    SCOPED_TRACE(what);
    EXPECT_TRUE(passes(seed, "Model.FreshSchedules", schedule_of));
  }
}

}  // namespace
}  // namespace spillway::model
