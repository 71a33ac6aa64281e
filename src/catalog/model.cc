#include "catalog/model.h"

#include <algorithm>

namespace spillway::catalog {

const ExtentList::Block* ExtentList::block_of(size_t index) const {
  const auto next = std::upper_bound(blocks_.begin(), blocks_.end(), index,
                                     [](size_t i, const Block& block) { return i < block.start; });
  return &*(next - 1);
}

const ExtentList::Item& ExtentList::operator[](size_t index) const {
  const Block& block = *block_of(index);
  return (*block.items)[index - block.start];
}

ExtentList::Iterator ExtentList::begin() const {
  return Iterator(this, blocks_.data(), 0);
}

ExtentList::Iterator ExtentList::end() const {
  return Iterator(this, blocks_.data() + blocks_.size(), size());
}

ExtentList::Iterator ExtentList::after(Cursor cursor) const {
  return std::partition_point(begin(), end(),
                              [&](const Item& extent) { return extent->max_cursor <= cursor; });
}

ExtentList::Iterator& ExtentList::Iterator::operator+=(difference_type n) {
  index_ = static_cast<size_t>(static_cast<difference_type>(index_) + n);
  if (list_) block_ = index_ == list_->size() ? list_->end().block_ : list_->block_of(index_);
  return *this;
}

void ExtentList::append(const std::vector<Item>& extents) {
  auto next = extents.begin();
  while (next != extents.end()) {
    std::vector<Item> items;
    if (!blocks_.empty() && blocks_.back().items->size() < kBlockExtents) {
      items = *blocks_.back().items;
      blocks_.pop_back();
    }
    const auto count = std::min<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(kBlockExtents - items.size()),
                                                extents.end() - next);
    items.insert(items.end(), next, next + count);
    next += count;
    push_block(std::move(items));
  }
}

std::vector<ExtentList::Item> ExtentList::remove(const std::set<Guid>& ids) {
  std::vector<Item> removed;
  const std::vector<Block> before = std::move(blocks_);
  blocks_.clear();
  const auto leaves = [&](const Item& extent) { return ids.contains(extent->id); };
  for (const Block& block : before) {
    if (std::none_of(block.items->begin(), block.items->end(), leaves)) {
      blocks_.push_back({size(), rows(), block.rows, block.items});
      continue;
    }
    std::vector<Item> kept;
    for (const Item& extent : *block.items) (leaves(extent) ? removed : kept).push_back(extent);
    if (!kept.empty()) push_block(std::move(kept));
  }
  return removed;
}

void ExtentList::push_block(std::vector<Item> items) {
  int64_t count = 0;
  for (const Item& extent : items) count += extent->rows;
  blocks_.push_back({size(), rows(), count, std::make_shared<const std::vector<Item>>(std::move(items))});
}

const Column* Table::column(std::string_view column_name) const {
  const auto found =
      std::find_if(columns.begin(), columns.end(), [&](const Column& c) { return c.name == column_name; });
  return found == columns.end() ? nullptr : &*found;
}

Status check_writable(const Database& database) {
  if (!database.read_only()) return Status();
  return Status(ErrorCode::BadRequest, "database '" + database.name +
                                           "' is read-only here: it follows the one in '" + database.leader +
                                           "', where it can be changed");
}

const Database* Snapshot::database(std::string_view name) const {
  const auto found = databases.find(std::string(name));
  return found == databases.end() ? nullptr : found->second.get();
}

const char* name_of(RunState state) {
  switch (state) {
    case RunState::Running: return "Running";
    case RunState::Completed: return "Completed";
    case RunState::Failed: return "Failed";
  }
  return "";
}

const char* name_of(OperationState state) {
  switch (state) {
    case OperationState::InProgress: return "InProgress";
    case OperationState::Completed: return "Completed";
    case OperationState::Failed: return "Failed";
    case OperationState::Throttled: return "Throttled";
    case OperationState::Scheduled: return "Scheduled";
    case OperationState::Abandoned: return "Abandoned";
    case OperationState::Canceled: return "Canceled";
  }
  return "";
}

}  // namespace spillway::catalog
