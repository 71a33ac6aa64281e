// An export of generated records to Parquet and to compressed CSV beside DuckDB's own COPY, and ClickHouse's
// INSERT INTO FUNCTION file(), of the same query over the same files; and the time of an export run that
// finds nothing new with few and with many extents in the table.
//
//   build/export_bench [--records 10000000] [--extents 10] [--rounds 5] [--idle-extents 2000]
//                      [--clickhouse LIBCHDB]
//
// LIBCHDB is libchdb.so out of the npm package @chdb/lib-linux-x64-gnu; without it ClickHouse is left out.
// Each measurement is a process of its own, so that its peak memory is its own; the sides alternate, and the
// ratios are of their medians. All write the same columns with the same compression and row groups.
#include <dlfcn.h>
#include <duckdb.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "base/log.h"
#include "bench/support.h"
#include "engine/sql.h"
#include "server/instance.h"

namespace {

namespace fs = std::filesystem;
using namespace spillway;
using namespace spillway::bench;

struct Options {
  int64_t records = 10'000'000;
  int extents = 10;
  int rounds = 5;
  int idle_extents = 2000;
  std::string clickhouse;  // the path of libchdb.so
  fs::path folder;
};

/// What is written: the same of every side.
struct Format {
  const char* name;
  const char* table;  // the external table that has it
  const char* file;   // a file name of it
  const char* duckdb;
  const char* clickhouse;  // the format's name
  const char* settings;    // of ClickHouse
};

constexpr Format kFormats[] = {
    {"Parquet (snappy)", "Lake", "out.parquet", "FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE 100000",
     "Parquet",
     "output_format_parquet_compression_method = 'snappy', output_format_parquet_row_group_size = 100000"},
    {"CSV (gzip)", "Text", "out.csv.gz", "FORMAT csv, COMPRESSION gzip, HEADER false", "CSV",
     "output_format_csv_crlf_end_of_line = 0"},
};

/// Seconds and peak resident bytes of `work`, run in a process of its own that writes its seconds to a pipe.
struct Measured {
  double seconds = 0;
  double peak_mib = 0;
};

Measured in_child(const std::function<double()>& work) {
  int ends[2];
  if (::pipe(ends) != 0) die("pipe");
  std::fflush(nullptr);
  pid_t child = ::fork();
  if (child == 0) {
    double seconds = work();
    if (::write(ends[1], &seconds, sizeof seconds) != sizeof seconds) ::_exit(1);
    ::_exit(0);
  }
  ::close(ends[1]);
  Measured measured;
  bool answered = ::read(ends[0], &measured.seconds, sizeof measured.seconds) == sizeof measured.seconds;
  ::close(ends[0]);
  int status = 0;
  rusage usage{};
  ::wait4(child, &status, 0, &usage);
  if (!answered || status != 0) die("a measurement failed");
  measured.peak_mib = static_cast<double>(usage.ru_maxrss) / 1024;
  return measured;
}

fs::path fresh_folder(const fs::path& folder) {
  fs::remove_all(folder);
  fs::create_directories(folder);
  return folder;
}

int64_t bytes_below(const fs::path& folder) {
  int64_t bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) bytes += static_cast<int64_t>(entry.file_size());
  }
  return bytes;
}

/// The table, the external table, and the paths of the extents in a file for DuckDB's side.
double prepare(const Options& options) {
  return seconds_of([&] {
    auto instance = open_instance(options.folder);
    commands::Services services = instance->services();
    make_telemetry(services, options.records, options.extents);
    std::ofstream list(options.folder / "extents.txt");
    for (const std::string& file : telemetry_files(services, options.folder)) list << file << "\n";
    const auto create = [&](const std::string& table, const std::string& format) {
      command(services,
              ".create external table " + table +
                  " (Timestamp:datetime, Device:string, Sensor:int, Value:real, Count:long, Note:string) "
                  "kind=storage dataformat=" +
                  format);
    };
    const std::string out = "('" + (options.folder / "out").string() + "')";
    create("Lake", "parquet " + out + " with (compressed=true, compressionType='snappy')");
    create("Text", "csv " + out + " with (compressed=true)");
    instance->stop();
  });
}

double spillway_export(const Options& options, const Format& format) {
  fresh_folder(options.folder / "out");
  auto instance = open_instance(options.folder);
  double seconds = seconds_of([&] {
    command(instance->services(),
            ".export to table " + std::string(format.table) +
                " with (sizeLimit=1073741824, parquetRowGroupSize=100000) <| Telemetry | "
                "where Sensor < 90");
  });
  instance->stop();
  return seconds;
}

/// The extents' files, quoted for a list.
std::string quoted_files(const Options& options) {
  std::string files, line;
  std::ifstream list(options.folder / "extents.txt");
  while (std::getline(list, line)) files += (files.empty() ? "" : ", ") + engine::sql_string(line);
  return files;
}

double duckdb_copy(const Options& options, const Format& format) {
  fs::path out = fresh_folder(options.folder / "duckdb");
  const std::string files = quoted_files(options);
  duckdb_database database;
  duckdb_connection connection;
  if (duckdb_open(nullptr, &database) != DuckDBSuccess ||
      duckdb_connect(database, &connection) != DuckDBSuccess) {
    die("DuckDB does not open");
  }
  auto run = [&](const std::string& sql) {
    duckdb_result result;
    if (duckdb_query(connection, sql.c_str(), &result) != DuckDBSuccess) die(duckdb_result_error(&result));
    duckdb_destroy_result(&result);
  };
  run("SET preserve_insertion_order = false");
  double seconds = seconds_of([&] {
    run("COPY (SELECT make_timestamp((\"Timestamp\" - 621355968000000000) // 10) AS \"Timestamp\", Device, "
        "Sensor, Value, "
        "\"Count\", Note FROM read_parquet([" +
        files + "]) WHERE Sensor < 90) TO " + engine::sql_string((out / format.file).string()) + " (" +
        format.duckdb + ")");
  });
  duckdb_disconnect(&connection);
  duckdb_close(&database);
  return seconds;
}

/// The part of chDB's C interface that this takes.
class ClickHouse {
 public:
  explicit ClickHouse(const std::string& library)
      : library_(::dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL)) {
    if (!library_) die(::dlerror());
    std::string program = "clickhouse";
    char* arguments[] = {program.data()};
    connection_ = function<void** (*)(int, char**)>("chdb_connect")(1, arguments);
    if (!connection_) die("ClickHouse does not open");
  }

  void run(const std::string& sql) {
    void* result =
        function<void* (*)(void*, const char*, const char*)>("chdb_query")(*connection_, sql.c_str(), "CSV");
    if (const char* error = function<const char* (*)(void*)>("chdb_result_error")(result)) die(error);
    function<void (*)(void*)>("chdb_destroy_query_result")(result);
  }

 private:
  template <typename F>
  F function(const char* name) {
    void* found = ::dlsym(library_, name);
    if (!found) die(std::string("ClickHouse's library has no ") + name);
    return reinterpret_cast<F>(found);
  }

  void* library_;
  void** connection_ = nullptr;
};

double clickhouse_insert(const Options& options, const Format& format) {
  const fs::path out = fresh_folder(options.folder / "clickhouse") / format.file;
  ClickHouse clickhouse(options.clickhouse);
  // One file() takes no list of paths: the extents are linked into one folder.
  const fs::path links = fresh_folder(options.folder / "links");
  std::string line;
  std::ifstream list(options.folder / "extents.txt");
  for (int i = 0; std::getline(list, line); ++i)
    fs::create_symlink(line, links / (std::to_string(i) + ".parquet"));
  return seconds_of([&] {
    clickhouse.run(
        "INSERT INTO FUNCTION file(" + engine::sql_string(out.string()) + ", '" + format.clickhouse +
        "') SELECT fromUnixTimestamp64Micro(intDiv(Timestamp - 621355968000000000, 10)) AS Timestamp, "
        "Device, Sensor, Value, Count, Note FROM file(" +
        engine::sql_string((links / "*.parquet").string()) + ", 'Parquet') WHERE Sensor < 90 SETTINGS " +
        format.settings);
  });
}

/// Milliseconds of a run of a continuous export over a table of `extents` extents, of which none is new.
double idle_run(const Options& options, int extents, int rounds) {
  Options own = options;
  own.folder = options.folder / ("idle-" + std::to_string(extents));
  fresh_folder(own.folder);
  auto instance = open_instance(own.folder);
  commands::Services services = instance->services();
  command(services, ".create table T (x:long)");
  for (int i = 0; i < extents; ++i) command(services, ".ingest inline into table T <|\n" + std::to_string(i));
  command(services, ".create external table Out (x:long) kind=storage dataformat=parquet ('" +
                        (own.folder / "out").string() + "')");
  command(services,
          ".create-or-alter continuous-export E over (T) to table Out with (intervalBetweenRuns=1d) <| T");
  std::vector<double> times;
  for (int i = 0; i < rounds; ++i) {
    times.push_back(seconds_of([&] { need(services.exports.run_once(kDatabase, "E")); }) * 1000);
  }
  instance->stop();
  fs::remove_all(own.folder);
  return median(times);
}

struct Side {
  const char* name;
  const char* folder;  // that it writes into
  double (*run)(const Options& options, const Format& format);
  std::vector<double> seconds = {}, memory = {};
};

void compare_exports(const Options& options, const Format& format) {
  std::vector<Side> sides = {{"spillway", "out", spillway_export}, {"duckdb", "duckdb", duckdb_copy}};
  if (!options.clickhouse.empty()) sides.push_back({"clickhouse", "clickhouse", clickhouse_insert});
  for (int round = 0; round < options.rounds; ++round) {
    for (Side& side : sides) {
      const Measured measured = in_child([&] { return side.run(options, format); });
      side.seconds.push_back(measured.seconds);
      side.memory.push_back(measured.peak_mib);
    }
  }
  std::printf("export of %lld records to %s, median of %d alternating rounds\n",
              static_cast<long long>(options.records), format.name, options.rounds);
  for (const Side& side : sides) {
    std::printf("  %-10s %7.3f s  peak %6.0f MiB  wrote %lld bytes", side.name, median(side.seconds),
                median(side.memory), static_cast<long long>(bytes_below(options.folder / side.folder)));
    if (&side != &sides.front()) {
      std::printf("  spillway's time is %.3f of its", median(sides.front().seconds) / median(side.seconds));
    }
    std::printf("\n");
  }
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    std::string name = argv[i];
    if (name == "--clickhouse") {
      options.clickhouse = fs::absolute(argv[i + 1]);
      continue;
    }
    int64_t value = std::atoll(argv[i + 1]);
    if (value < 1) die("'" + name + "' takes a positive number");
    if (name == "--records")
      options.records = value;
    else if (name == "--extents")
      options.extents = static_cast<int>(value);
    else if (name == "--rounds")
      options.rounds = static_cast<int>(value);
    else if (name == "--idle-extents")
      options.idle_extents = static_cast<int>(value);
    else
      die("unknown option '" + name + "'");
  }
  if (argc % 2 == 0) die("every option takes a value");
  options.folder = fs::temp_directory_path() / ("export_bench-" + std::to_string(::getpid()));
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  Options options = parse(argc, argv);
  log::set_level(log::Level::Error);
  fs::create_directories(options.folder);
  in_child([&] { return prepare(options); });
  for (const Format& format : kFormats) compare_exports(options, format);
  constexpr int kIdleRounds = 101;
  double few = in_child([&] { return idle_run(options, 10, kIdleRounds); }).seconds;
  double many = in_child([&] { return idle_run(options, options.idle_extents, kIdleRounds); }).seconds;
  std::printf(
      "a run that finds nothing new, median of %d\n  10 extents %8.3f ms\n  %d extents %6.3f ms\n  ratio "
      "%.3f\n",
      kIdleRounds, few, options.idle_extents, many, many / few);
  fs::remove_all(options.folder);
  return 0;
}
