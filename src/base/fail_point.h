// Named places where a test makes the process die or an operation fail.
//
//   SPILLWAY_FAIL_POINT("export.before_commit");      // in a function that returns Status or Result
//
// Armed by the environment variable SPILLWAY_FAIL_POINTS when the process starts, or by arm():
//   export.before_commit=kill          the process dies here as by SIGKILL
//   export.before_commit=kill@3        … the third time that it gets here
//   ingest.after_write=error           the call returns a StorageTransient error, once
//   ingest.after_write=error@2-5       … the second to the fifth time
//   store.put=sleep:250                waits 250 ms, every time
//   export.put.after=halt@2            the call fails, and from then on every call of every fail point: what
//   a
//                                      test in the same process has of a death. Until disarm_all()
// Several are separated by ';'. Built only with SPILLWAY_FAIL_POINTS; without it the macro is empty.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace spillway::fail_point {

/// Every fail point that the code has, for tests that go through all of them.
std::vector<std::string> all();
Status arm(std::string_view specification);
void disarm_all();
/// True once a fail point that is armed with `halt` was reached.
bool halted();
Status reached(const char* name);

}  // namespace spillway::fail_point

#ifdef SPILLWAY_FAIL_POINTS
#define SPILLWAY_FAIL_POINT(name) SPILLWAY_TRY(::spillway::fail_point::reached(name))
#else
#define SPILLWAY_FAIL_POINT(name) \
  do {                            \
  } while (false)
#endif
