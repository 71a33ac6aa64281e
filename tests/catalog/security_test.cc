#include "catalog/security.h"

#include <gtest/gtest.h>

namespace spillway::catalog {
namespace {

Caller caller_of(const std::string& principal, std::vector<std::string> groups = {},
                 std::set<ClusterRole> roles = {}) {
  return {principal, std::move(groups), std::move(roles)};
}

Database database_with(const Assignments& assignments) {
  Database database;
  database.name = "D";
  if (const auto text = encode(assignments)) database.policies[kPrincipals] = *text;
  return database;
}

TEST(Security, PrincipalsAreComparedByNameAndByTenantWhereBothHaveOne) {
  EXPECT_TRUE(same_principal("aaduser=Ann@contoso.com", "AADUSER=ann@contoso.com"));
  EXPECT_TRUE(same_principal("aadapp=1;contoso.com", "aadapp=1"));
  EXPECT_TRUE(same_principal("aadapp=1;contoso.com", "aadapp=1;CONTOSO.com"));
  EXPECT_FALSE(same_principal("aadapp=1;contoso.com", "aadapp=1;fabrikam.com"));
  EXPECT_FALSE(same_principal("aaduser=1", "aadapp=1"));
  EXPECT_FALSE(same_principal("", ""));
  EXPECT_FALSE(same_principal(";t", ";t"));
}

TEST(Security, AssignmentsComeBackAsTheyWere) {
  const Assignments given = {{Role::Admins, {{"aaduser=a", "why"}}},
                             {Role::Viewers, {{"aadgroup=g", ""}, {"local", "\"quoted\""}}}};
  const Database database = database_with(given);
  const Assignments read = assignments_of(database.policies);
  ASSERT_EQ(read.size(), 2U);
  EXPECT_EQ(read.at(Role::Admins).at(0).notes, "why");
  EXPECT_EQ(read.at(Role::Viewers).at(1).principal, "local");
  EXPECT_EQ(encode(read), encode(given));
  EXPECT_EQ(encode(Assignments{{Role::Users, {}}}), std::nullopt);
  for (const Role role : {Role::Admins, Role::Users, Role::Viewers, Role::UnrestrictedViewers,
                          Role::Ingestors, Role::Monitors}) {
    EXPECT_EQ(parse_role(name_of(role)), role);
  }
}

TEST(Security, GreaterRolesIncludeTheLesser) {
  const Database database = database_with({{Role::Admins, {{"admin", ""}}},
                                           {Role::Users, {{"user", ""}}},
                                           {Role::Viewers, {{"aadgroup=viewers", ""}}},
                                           {Role::UnrestrictedViewers, {{"user", ""}, {"nobody", ""}}},
                                           {Role::Ingestors, {{"ingestor", ""}}},
                                           {Role::Monitors, {{"monitor", ""}}}});
  struct Expectation {
    Caller caller;
    bool admin, user, view, restricted, show, monitor, ingest;
  };
  const Expectation expectations[] = {
      {caller_of("admin"), true, true, true, false, true, true, true},
      {caller_of("user"), false, true, true, true, true, false, false},
      {caller_of("x", {"aadgroup=viewers"}), false, false, true, false, true, false, false},
      {caller_of("ingestor"), false, false, false, false, false, false, true},
      {caller_of("monitor"), false, false, false, false, true, true, false},
      {caller_of("nobody"), false, false, false, false, false, false, false},
      {caller_of("x", {}, {ClusterRole::AllDatabasesAdmin}), true, true, true, false, true, true, true},
      {caller_of("x", {}, {ClusterRole::AllDatabasesViewer}), false, false, true, false, true, false, false},
      {caller_of("x", {}, {ClusterRole::AllDatabasesMonitor}), false, false, false, false, true, true, false},
  };
  for (const Expectation& expected : expectations) {
    const std::string& who = expected.caller.principal;
    EXPECT_EQ(is_admin(expected.caller, database), expected.admin) << who;
    EXPECT_EQ(is_user(expected.caller, database), expected.user) << who;
    EXPECT_EQ(may_view(expected.caller, database), expected.view) << who;
    EXPECT_EQ(may_view_restricted(expected.caller, database), expected.restricted) << who;
    EXPECT_EQ(may_show(expected.caller, database), expected.show) << who;
    EXPECT_EQ(may_monitor(expected.caller, database), expected.monitor) << who;
    EXPECT_EQ(may_ingest(expected.caller, database), expected.ingest) << who;
  }
}

TEST(Security, PoliciesThatCannotBeReadRestrict) {
  Table table;
  EXPECT_FALSE(row_level_security(table).has_value());
  EXPECT_FALSE(has_restricted_view_access(table));
  for (const char* text : {"nonsense", "[]", "{}", "{\"IsEnabled\":1}"}) {
    table.policies = {{kRowLevelSecurity, text}, {kRestrictedViewAccess, text}};
    EXPECT_TRUE(has_row_level_security(table)) << text;
    EXPECT_EQ(row_level_security(table)->query, "") << text;
    EXPECT_TRUE(has_restricted_view_access(table)) << text;
  }
  table.policies = {{kRowLevelSecurity, encode(RowLevelSecurity{false, "T"})},
                    {kRestrictedViewAccess, "{\"IsEnabled\":false}"}};
  EXPECT_FALSE(has_row_level_security(table));
  EXPECT_EQ(row_level_security(table)->query, "T");
  EXPECT_FALSE(has_restricted_view_access(table));
  table.policies = {{kPrincipals, "nonsense"}};
  EXPECT_TRUE(assignments_of(table.policies).empty());
}

TEST(Security, IdentitiesAreAllowedByTheClusterOrTheDatabase) {
  Snapshot snapshot;
  Database database;
  EXPECT_FALSE(allows_identity(snapshot, database, "system", "AutomatedFlows"));
  snapshot.policies[kManagedIdentity] =
      R"([{"ObjectId":"system","AllowedUsages":"ExternalTable, automatedflows"}])";
  EXPECT_TRUE(allows_identity(snapshot, database, "system", "AutomatedFlows"));
  EXPECT_FALSE(allows_identity(snapshot, database, "system", "SqlRequest"));
  EXPECT_FALSE(allows_identity(snapshot, database, "other", "AutomatedFlows"));
  database.policies[kManagedIdentity] = R"([{"ObjectId":"OTHER","AllowedUsages":"All"}])";
  EXPECT_TRUE(allows_identity(snapshot, database, "other", "AutomatedFlows"));
  snapshot.policies[kManagedIdentity] = "nonsense";
  EXPECT_FALSE(allows_identity(snapshot, database, "system", "AutomatedFlows"));
}

}  // namespace
}  // namespace spillway::catalog
