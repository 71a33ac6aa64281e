// put_object CONNECTION SOURCE PATH: one ObjectStore::put_file, for tests that kill it at a fail point.
#include <cstdio>

#include "storage/object_store.h"

int main(int count, char** arguments) {
  using namespace spillway;
  if (count != 4) return 2;
  const auto put = [&]() -> Status {
    SPILLWAY_ASSIGN(const auto connection, storage::ConnectionString::parse(arguments[1]));
    const storage::StoreFactory factory({connection.local});
    SPILLWAY_ASSIGN(const auto store, factory.open(connection));
    return store->put_file(arguments[2], arguments[3], false);
  };
  const Status status = put();
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.error().message.c_str());
  return status.ok() ? 0 : 1;
}
