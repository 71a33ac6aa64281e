#include "catalog/leaders.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace spillway::catalog {
namespace {

/// No catalog gives out so many ids.
constexpr int64_t kIdsOfOne = int64_t{1} << 48;
/// A look may take this part of the time.
constexpr int kMostOfTheTime = 10;

}  // namespace

Result<std::unique_ptr<Leaders>> Leaders::open(const Following& following, const Clock& clock) {
  std::unique_ptr<Leaders> leaders(new Leaders(clock, following.interval));
  for (const std::string& folder : following.leaders) {
    const size_t number = leaders->leaders_.size() + 1;
    Leader leader;
    SPILLWAY_ASSIGN(leader.follower,
                    Follower::open(folder, following.links_folder + "/" + std::to_string(number),
                                   kIdsOfOne * static_cast<int64_t>(number)));
    leader.state.folder = folder;
    SPILLWAY_TRY(leaders->look_at(leader).status());
    leaders->leaders_.push_back(std::move(leader));
  }
  return leaders;
}

Leaders::~Leaders() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stopped_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Leaders::start(std::function<void()> changed) {
  if (leaders_.empty()) return;
  thread_ = std::thread([this, changed = std::move(changed)] { loop(changed); });
}

void Leaders::loop(const std::function<void()>& changed) {
  using std::chrono::steady_clock;
  steady_clock::duration pause = interval_;
  while (true) {
    {
      std::unique_lock lock(mutex_);
      if (stopped_.wait_for(lock, pause, [&] { return stopping_; })) return;
    }
    const auto started = steady_clock::now();
    if (look_at_all()) changed();
    pause = std::max<steady_clock::duration>(interval_, kMostOfTheTime * (steady_clock::now() - started));
  }
}

bool Leaders::look_at_all() {
  bool changed = false;
  for (Leader& leader : leaders_) {
    const std::string before = leader.state.error;  // written by this thread only
    const Result<bool> looked = look_at(leader);
    if (looked.ok() && *looked) changed = true;
    const std::string& now = leader.state.error;
    if (now == before) continue;
    if (now.empty()) {
      log::info("a leader can be followed again", {{"leader", leader.state.folder}});
    } else {
      log::warning("a leader can't be followed", {{"leader", leader.state.folder}, {"error", now}});
    }
  }
  return changed;
}

Result<bool> Leaders::look_at(Leader& leader) {
  const Ticks now = clock_.now();
  Result<std::optional<Follower::Databases>> seen = leader.follower->look();
  const std::lock_guard lock(mutex_);
  if (!seen.ok()) {
    leader.state.error = seen.error().message;
    return seen.error();
  }
  leader.state.error.clear();
  leader.state.looked = now;
  if (*seen) leader.databases.swap(**seen);
  return seen->has_value();
}

std::shared_ptr<const Snapshot> Leaders::beside(const std::shared_ptr<const Snapshot>& own) const {
  if (leaders_.empty()) return own;
  auto all = std::make_shared<Snapshot>(*own);
  std::erase_if(all->databases, [](const auto& entry) { return entry.second->read_only(); });
  const std::lock_guard lock(mutex_);
  for (const Leader& leader : leaders_) {
    // What is there already counts.
    all->databases.insert(leader.databases.begin(), leader.databases.end());
  }
  return all;
}

std::vector<FollowedLeader> Leaders::states() const {
  const std::lock_guard lock(mutex_);
  std::vector<FollowedLeader> all;
  for (const Leader& leader : leaders_) {
    all.push_back(leader.state);
    for (const auto& [name, database] : leader.databases) all.back().databases.insert(name);
  }
  return all;
}

}  // namespace spillway::catalog
