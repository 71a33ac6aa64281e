# Everything comes from Debian's packages, but for DuckDB, which scripts/dependencies lays out in .deps/duckdb
# as include/duckdb.h and lib/libduckdb.so. Point DUCKDB_ROOT at another build of it to use that.
set(DUCKDB_ROOT "${CMAKE_SOURCE_DIR}/.deps/duckdb" CACHE PATH "Folder with include/duckdb.h and lib/libduckdb.so")
if(NOT EXISTS "${DUCKDB_ROOT}/include/duckdb.h")
  message(FATAL_ERROR "DuckDB is not in ${DUCKDB_ROOT}: run scripts/dependencies, or set -DDUCKDB_ROOT=")
endif()
add_library(duckdb SHARED IMPORTED)
set_target_properties(duckdb PROPERTIES
  IMPORTED_LOCATION "${DUCKDB_ROOT}/lib/libduckdb.so"
  IMPORTED_NO_SONAME FALSE
  INTERFACE_INCLUDE_DIRECTORIES "${DUCKDB_ROOT}/include")

find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json url system)
find_package(OpenSSL REQUIRED)
find_package(CURL REQUIRED)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)
find_package(ZLIB REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(prometheus-cpp REQUIRED)
find_library(SOCI_CORE soci_core REQUIRED)
find_library(SOCI_SQLITE3 soci_sqlite3 REQUIRED)
find_library(DEFLATE deflate REQUIRED)
find_library(RE2 re2 REQUIRED)
find_library(ISAL isal REQUIRED)
find_library(UTF8PROC utf8proc REQUIRED)
find_package(EXPAT REQUIRED)
find_file(UAP_CORE regexes.yaml PATHS /usr/share/uap-core REQUIRED)
find_library(S2 s2 REQUIRED)
find_package(absl REQUIRED)  # what S2's headers call, where it isn't inlined
find_library(GEOGRAPHICLIB GeographicLib REQUIRED)
find_library(MAXMINDDB maxminddb REQUIRED)
if(SPILLWAY_TESTS)
  find_package(GTest REQUIRED)
endif()
if(SPILLWAY_BENCH)
  find_package(benchmark REQUIRED)
endif()
