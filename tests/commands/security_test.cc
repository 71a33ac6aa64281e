// Rules of security that no command of a session can set up.

#include <gtest/gtest.h>

#include "catalog/security.h"
#include "commands/permissions.h"
#include "tests/commands/session.h"

namespace spillway::test {
namespace {

class SecurityTest : public ::testing::Test {
 protected:
  Status run(const std::string& command) { return server_.run(command).status(); }

  void set_update_policy(const std::string& table, const std::string& text) {
    const Status written = server_.services().catalog.write([&](catalog::Writer& writer) {
      catalog::Table changed = *writer.current().database("NetDefaultDB")->tables.at(table);
      changed.policies["update"] = text;
      return writer.alter_table("NetDefaultDB", changed);
    });
    ASSERT_TRUE(written.ok()) << written.error().message;
  }

  Server server_;
};

TEST_F(SecurityTest, RowLevelSecurityNeedsUpdatePoliciesWithAnIdentity) {
  const std::string policy = "\"Source\":\"Source\",\"Query\":\"Source | where a in (Lookup)\"";
  ASSERT_TRUE(run(".create tables Source (a:long), Lookup (a:long), Target (a:long)").ok());
  for (const std::string table : {"Source", "Lookup"}) {
    const std::string enable =
        ".alter table " + table + " policy row_level_security enable \"" + table + " | where false\"";
    set_update_policy("Target", "[{" + policy + "}]");
    const Status refused = run(enable);
    ASSERT_FALSE(refused.ok()) << table;
    EXPECT_EQ(refused.error().code, ErrorCode::BadRequest);
    EXPECT_NE(refused.error().message.find("the update policy of table 'Target' reads table '" + table +
                                           "' without a managed identity"),
              std::string::npos)
        << refused.error().message;
    set_update_policy("Target", "[{" + policy + ",\"ManagedIdentity\":\"system\"}]");
    const Status allowed = run(enable);
    EXPECT_TRUE(allowed.ok()) << (allowed.ok() ? "" : allowed.error().message);
    EXPECT_TRUE(run(".delete table " + table + " policy row_level_security").ok());
  }
  set_update_policy("Target", "[{\"Source\":\"Source\",\"Query\":\"Source\"}]");
  EXPECT_TRUE(run(".alter table Target policy row_level_security enable \"Target | where false\"").ok());
}

TEST_F(SecurityTest, ACommandThatNobodyListedIsForAdministrators) {
  EXPECT_EQ(commands::permission_of("show something new"), commands::Permission::ClusterAdmin);
}

}  // namespace
}  // namespace spillway::test
