#include "export/spread.h"

#include <algorithm>
#include <set>

namespace spillway::exports {
namespace {

constexpr int kFullWeight = 4;
constexpr int kTroubledWeight = 1;

}  // namespace

std::string account_of(const storage::ConnectionString& connection) {
  return connection.kind() == storage::ConnectionString::Kind::Local ? connection.local : connection.endpoint;
}

void AccountMemory::note_trouble(const std::string& account) {
  const std::lock_guard lock(mutex_);
  const Ticks now = clock_.now();
  std::erase_if(troubled_, [&](const auto& entry) { return now - entry.second >= kRemembered; });
  troubled_[account] = now;
}

bool AccountMemory::had_trouble(const std::string& account) const {
  const std::lock_guard lock(mutex_);
  const auto found = troubled_.find(account);
  return found != troubled_.end() && clock_.now() - found->second < kRemembered;
}

size_t AccountMemory::next_turn() {
  const std::lock_guard lock(mutex_);
  return turn_++;
}

Spread::Spread(std::vector<std::string> accounts, AccountMemory& memory) {
  for (std::string& account : accounts) {
    const int weight = memory.had_trouble(account) ? kTroubledWeight : kFullWeight;
    shares_.push_back({std::move(account), weight, 0, false});
  }
  if (!shares_.empty()) first_ = memory.next_turn() % shares_.size();
}

/// Each turn gives every account credit by its weight; the one with the most takes it and pays all of it.
std::optional<size_t> Spread::next() {
  const std::lock_guard lock(mutex_);
  std::optional<size_t> best;
  int given = 0;
  for (size_t i = 0; i < shares_.size(); ++i) {
    const size_t at = (first_ + i) % shares_.size();
    Share& share = shares_[at];
    if (share.out) continue;
    share.credit += share.weight;
    given += share.weight;
    if (!best || share.credit > shares_[*best].credit) best = at;
  }
  if (best) shares_[*best].credit -= given;
  return best;
}

bool Spread::is_out(size_t connection) const {
  const std::lock_guard lock(mutex_);
  return shares_[connection].out;
}

void Spread::take_out(size_t connection) {
  const std::lock_guard lock(mutex_);
  const std::string account = shares_[connection].account;
  for (Share& share : shares_) {
    if (share.account == account) share.out = true;
  }
}

size_t Spread::accounts() const {
  const std::lock_guard lock(mutex_);
  std::set<std::string> different;
  for (const Share& share : shares_) different.insert(share.account);
  return different.size();
}

}  // namespace spillway::exports
