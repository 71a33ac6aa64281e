#include "tests/catalog/support.h"

namespace spillway::catalog {
namespace {

ExtentList::Item item(Cursor cursor) {
  Extent extent = make_extent();
  extent.min_cursor = extent.max_cursor = cursor;
  return std::make_shared<const Extent>(std::move(extent));
}

std::vector<Cursor> cursors(const ExtentList& list) {
  std::vector<Cursor> out;
  for (const auto& extent : list) out.push_back(extent->max_cursor);
  return out;
}

TEST(ExtentListTest, AnEmptyListHasNothing) {
  const ExtentList list;
  EXPECT_TRUE(list.empty());
  EXPECT_EQ(list.size(), 0U);
  EXPECT_EQ(list.begin(), list.end());
  EXPECT_EQ(list.after(0), list.end());
}

TEST(ExtentListTest, ItIsAVectorToItsReaders) {
  ExtentList list;
  std::vector<Cursor> expected;
  for (Cursor next = 1; next < 3000;) {
    std::vector<ExtentList::Item> batch;
    for (Cursor i = 0; i < 1 + next % 700 && next < 3000; ++i, ++next) {
      batch.push_back(item(next));
      expected.push_back(next);
    }
    list.append(batch);
  }
  ASSERT_EQ(list.size(), expected.size());
  EXPECT_EQ(cursors(list), expected);
  for (size_t i = 0; i < expected.size(); ++i) ASSERT_EQ(list[i]->max_cursor, expected[i]);
  EXPECT_EQ(list.front()->max_cursor, 1);
  EXPECT_EQ(list.back()->max_cursor, 2999);
}

TEST(ExtentListTest, AfterFindsWhatCameAfterACursor) {
  std::vector<ExtentList::Item> items;
  for (Cursor cursor = 0; cursor < 2000; ++cursor) items.push_back(item(cursor / 2 * 10));
  const ExtentList list(items);
  EXPECT_EQ((*list.after(-1))->max_cursor, 0);
  for (Cursor cursor = 0; cursor < 9990; cursor += 7) {
    ASSERT_EQ((*list.after(cursor))->max_cursor, cursor / 10 * 10 + 10) << cursor;
  }
  EXPECT_EQ(list.after(9990), list.end());
  EXPECT_EQ(std::distance(list.after(9970), list.end()), 4);
}

TEST(ExtentListTest, RemovedExtentsLeaveTheOthersInOrder) {
  std::vector<ExtentList::Item> items;
  for (Cursor cursor = 0; cursor < 1600; ++cursor) items.push_back(item(cursor));
  const ExtentList before(items);
  ExtentList list = before;
  std::set<Guid> ids;
  std::vector<Cursor> expected;
  for (Cursor cursor = 0; cursor < 1600; ++cursor) {
    // All of the second block, and some of the third.
    if ((cursor >= 512 && cursor < 1024) || cursor % 100 == 77) {
      ids.insert(items[static_cast<size_t>(cursor)]->id);
    } else {
      expected.push_back(cursor);
    }
  }
  EXPECT_EQ(list.remove(ids).size(), ids.size());
  EXPECT_EQ(cursors(list), expected);
  ASSERT_EQ(list.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) ASSERT_EQ(list[i]->max_cursor, expected[i]);
  EXPECT_EQ(before.size(), 1600U);
  list.append({item(5000)});
  EXPECT_EQ(list.back()->max_cursor, 5000);
  EXPECT_EQ((*list.after(520))->max_cursor, 1024);
  std::set<Guid> rest;
  for (const auto& extent : list) rest.insert(extent->id);
  list.remove(rest);
  EXPECT_TRUE(list.empty());
}

}  // namespace
}  // namespace spillway::catalog
