// Ten typical KQL queries over generated records beside SQL written by hand for the same answers over the
// same files, in DuckDB itself, and the time that compiling each takes (parse, bind, lower).
//
//   build/kql_bench [--records 10000000] [--extents 10] [--rounds 5]
//
// Both sides run in this process, each on a DuckDB database of its own with the same settings, but that
// DuckDB's side keeps the files and their metadata in memory; they alternate, and a ratio is of their
// medians. The answers are compared first, reals to nine digits.
#include <duckdb.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "base/log.h"
#include "bench/support.h"
#include "engine/engine.h"
#include "engine/sql.h"
#include "kql/binder.h"

namespace {

namespace fs = std::filesystem;
using namespace spillway;
using namespace spillway::bench;

struct Options {
  int64_t records = 10'000'000;
  int extents = 10;
  int rounds = 5;
  fs::path folder;
};

struct Query {
  const char* name;
  const char* kql;
  const char* sql;  // T stands for the records; datetimes are ticks
};

const std::vector<Query> kQueries = {
    {"filter and count", "Telemetry | where Sensor == 42 and Value > 500 | count",
     "SELECT count(*) FROM T WHERE Sensor = 42 AND Value > 500"},
    {"group by a column", "Telemetry | summarize count(), avg(Value), max(Count) by Sensor",
     "SELECT Sensor, count(*), avg(Value), max(Count) FROM T GROUP BY Sensor"},
    {"group by the hour", "Telemetry | summarize count(), sum(Value) by bin(Timestamp, 1h)",
     "SELECT Timestamp - Timestamp % 36000000000, count(*), sum(Value) FROM T GROUP BY 1"},
    {"search of a term", "Telemetry | where Note has 'reading' | count",
     "SELECT count(*) FROM T WHERE regexp_matches(Note, '(?i)(^|[^a-z0-9])reading($|[^a-z0-9])')"},
    {"top", "Telemetry | sort by Value desc, Timestamp desc | take 100 | project Timestamp, Device, Value",
     "SELECT Timestamp, Device, Value FROM T ORDER BY Value DESC, Timestamp DESC LIMIT 100"},
    {"distinct values", "Telemetry | summarize count_distinct(Device) by Sensor",
     "SELECT Sensor, count(DISTINCT Device) FROM T GROUP BY Sensor"},
    {"time range and group",
     "Telemetry | where Timestamp between (datetime(2024-01-02) .. datetime(2024-01-03)) | summarize Total = "
     "sum(Count), Largest = max(Value) by Device",
     "SELECT Device, sum(Count), max(Value) FROM T WHERE Timestamp BETWEEN 638397504000000000 AND "
     "638398368000000000 GROUP BY Device"},
    {"join",
     "Telemetry | where Sensor < 5 | join kind=inner (Telemetry | where Sensor == 96 | summarize Peak = "
     "max(Value) by Device) on Device | summarize count(), sum(Peak)",
     "SELECT count(*), sum(Peak) FROM (SELECT Device FROM T WHERE Sensor < 5) AS a JOIN (SELECT Device, "
     "max(Value) AS "
     "Peak FROM T WHERE Sensor = 96 GROUP BY Device) AS b ON a.Device = b.Device"},
    {"latest of each", "Telemetry | summarize arg_max(Timestamp, Value) by Device",
     "SELECT Device, max(Timestamp), arg_max(Value, Timestamp) FROM T GROUP BY Device"},
    {"texts and cases",
     "Telemetry | where Device startswith 'device-1' | extend Kind = case(Value < 100, 'low', Value < 900, "
     "'middle', "
     "'high') | summarize Total = sum(Count), Longest = max(strlen(Note)) by Kind",
     "SELECT CASE WHEN Value < 100 THEN 'low' WHEN Value < 900 THEN 'middle' ELSE 'high' END, sum(Count), "
     "max(length(Note)) FROM T WHERE Device ILIKE 'device-1%' GROUP BY 1"},
};

using Rows = std::vector<std::string>;

std::string print_real(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.9g", value);
  return text;
}

/// DuckDB on its own.
class Duck {
 public:
  explicit Duck(const std::vector<std::string>& files) {
    if (duckdb_open(nullptr, &database_) != DuckDBSuccess ||
        duckdb_connect(database_, &connection_) != DuckDBSuccess) {
      die("DuckDB does not open");
    }
    run("SET preserve_insertion_order = false");
    run("SET parquet_metadata_cache = true");
    std::string list;
    for (const std::string& file : files) list += (list.empty() ? "" : ", ") + engine::sql_string(file);
    run("CREATE VIEW T AS SELECT * FROM read_parquet([" + list + "])");
  }
  Duck(const Duck&) = delete;
  Duck& operator=(const Duck&) = delete;
  ~Duck() {
    duckdb_disconnect(&connection_);
    duckdb_close(&database_);
  }

  Rows run(const std::string& sql) {
    duckdb_result result;
    if (duckdb_query(connection_, sql.c_str(), &result) != DuckDBSuccess) die(duckdb_result_error(&result));
    Rows rows(duckdb_row_count(&result));
    for (idx_t row = 0; row < rows.size(); ++row) {
      for (idx_t column = 0; column < duckdb_column_count(&result); ++column) {
        rows[row] += text_of(result, column, row) + "|";
      }
    }
    duckdb_destroy_result(&result);
    std::sort(rows.begin(), rows.end());
    return rows;
  }

 private:
  static std::string text_of(duckdb_result& result, idx_t column, idx_t row) {
    if (duckdb_column_type(&result, column) == DUCKDB_TYPE_DOUBLE) {
      return print_real(duckdb_value_double(&result, column, row));
    }
    char* text = duckdb_value_varchar(&result, column, row);
    std::string copy = text ? text : "null";
    duckdb_free(text);
    return copy;
  }

  duckdb_database database_ = nullptr;
  duckdb_connection connection_ = nullptr;
};

kql::BindOptions bind_options(const commands::Services& services) {
  kql::BindOptions options;
  options.snapshot = services.catalog.snapshot();
  options.database = kDatabase;
  return options;
}

Rows run_kql(commands::Services services, const std::string& text) {
  const kql::BoundQuery query = need(kql::compile(text, bind_options(services)));
  const Table table = need(services.engine.run_to_table(query.results.at(0).plan, {}));
  Rows rows;
  for (const std::vector<Value>& values : table.rows) {
    std::string& row = rows.emplace_back();
    for (const Value& value : values) {
      if (value.is_null())
        row += "null";
      else if (value.type() == Type::Real)
        row += print_real(value.as_real());
      else if (value.type() == Type::DateTime)
        row += std::to_string(value.as_int());
      else
        row += value.str();
      row += "|";
    }
  }
  std::sort(rows.begin(), rows.end());
  return rows;
}

double compile_seconds(commands::Services services, const std::string& text) {
  std::vector<double> times;
  for (int round = 0; round < 51; ++round) {
    times.push_back(seconds_of([&] {
      const kql::BoundQuery query = need(kql::compile(text, bind_options(services)));
      need(services.engine.sql_of(query.results.at(0).plan));
    }));
  }
  return median(times);
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    const int64_t value = std::atoll(argv[i + 1]);
    if (value < 1) die("'" + name + "' takes a positive number");
    if (name == "--records")
      options.records = value;
    else if (name == "--extents")
      options.extents = static_cast<int>(value);
    else if (name == "--rounds")
      options.rounds = static_cast<int>(value);
    else
      die("unknown option '" + name + "'");
  }
  if (argc % 2 == 0) die("every option takes a number");
  options.folder = fs::temp_directory_path() / ("kql_bench-" + std::to_string(::getpid()));
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  log::set_level(log::Level::Error);
  fs::create_directories(options.folder / "out");
  auto instance = open_instance(options.folder);
  commands::Services services = instance->services();
  make_telemetry(services, options.records, options.extents);
  double product = 0;
  {
    Duck duck(telemetry_files(services, options.folder));
    std::printf("%lld records, median of %d alternating rounds\n", static_cast<long long>(options.records),
                options.rounds);
    std::printf("%-22s %10s %10s %7s %12s\n", "query", "spillway s", "duckdb s", "ratio", "compile ms");
    for (const Query& query : kQueries) {
      if (run_kql(services, query.kql) != duck.run(query.sql))
        die(std::string("the answers differ: ") + query.name);
      std::vector<double> ours, theirs;
      for (int round = 0; round < options.rounds; ++round) {
        ours.push_back(seconds_of([&] { run_kql(services, query.kql); }));
        theirs.push_back(seconds_of([&] { duck.run(query.sql); }));
      }
      const double ratio = median(ours) / median(theirs);
      product += std::log(ratio);
      std::printf("%-22s %10.3f %10.3f %7.2f %12.3f\n", query.name, median(ours), median(theirs), ratio,
                  compile_seconds(services, query.kql) * 1000);
    }
    std::printf("%-22s %10s %10s %7.3f\n", "geometric mean", "", "",
                std::exp(product / static_cast<double>(kQueries.size())));
  }
  instance->stop();
  fs::remove_all(options.folder);
  return 0;
}
