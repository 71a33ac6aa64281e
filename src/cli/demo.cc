// The demo, through the server's public API only:
//
//   1. start a server on a folder of the demo's own
//   2. create a database, two tables, three external tables and three continuous exports
//   3. append the flights in batches, ordered by date, while the exports run
//   4. in the middle of them: kill -9 while an export is running, and start the server again
//   5. let the exports catch up, and prove from the reported artifacts, record by record, that every record
//   that
//      was ingested left exactly once
#include "cli/demo.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <thread>

#include "cli/client.h"
#include "cli/server_process.h"

namespace spillway::cli {

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr const char* kDatabase = "Flights";
constexpr const char* kMarker = ".spillway-demo";  // marks a folder that the demo may empty
constexpr auto kCatchUpTimeout = std::chrono::minutes(5);
constexpr auto kPoll = std::chrono::milliseconds(20);
constexpr auto kBatchInterval = std::chrono::milliseconds(400);  // so that the exports run in the midst of it

struct DemoOptions {
  std::string flights, airports;
  std::string folder = "spillway-demo";
  int batches = 30;
};

/// A continuous export of the demo and the two queries that must give the same records: over what was
/// ingested, and over what was exported.
struct DemoExport {
  const char* name;
  const char* external_table;
  const char* what;
  const char* expected;  // KQL over the tables
  const char* keys;      // the columns that the proof counts records by
};

const DemoExport kExports[] = {
    {"FlightsByMonth", "FlightsByMonth", "all flights, Parquet, partitioned by month", "Flights",
     "Date, Delay, Distance, Origin, Destination"},
    {"DelayedFlights", "DelayedFlights", "delayed flights with their airports, gzip CSV",
     "Flights | where Delay >= 15 | lookup kind=leftouter (Airports | project Origin = Iata, City, State) on "
     "Origin "
     "| project Date, Delay, Origin, City, State, Destination",
     "Date, Delay, Origin, City, State, Destination"},
    {"DailyOrigins", "DailyOrigins", "flights and delay per origin and day, JSON",
     "Flights | summarize Flights = count(), Delay = sum(Delay) by Day = startofday(Date), Origin", ""},
};

std::string quoted(const std::string& text) {
  std::string out = "'";
  for (char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

std::string with_commas(int64_t n) {
  std::string digits = std::to_string(n);
  for (int at = static_cast<int>(digits.size()) - 3; at > (n < 0 ? 1 : 0); at -= 3) digits.insert(at, ",");
  return digits;
}

std::string seconds_since(Clock::time_point start) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f s", std::chrono::duration<double>(Clock::now() - start).count());
  return text;
}

class Demo {
 public:
  explicit Demo(DemoOptions options) : options_(std::move(options)) {}

  Status run() {
    SPILLWAY_TRY(prepare_folder());
    SPILLWAY_TRY(start_server());
    SPILLWAY_TRY(create());
    SPILLWAY_TRY(ingest_airports());
    SPILLWAY_TRY(ingest_flights());
    SPILLWAY_TRY(catch_up());
    SPILLWAY_TRY(prove());
    print_next_steps();
    server_->stop();
    return Status();
  }

 private:
  Status prepare_folder() {
    folder_ = fs::absolute(options_.folder).lexically_normal();
    std::error_code failed;
    if (fs::exists(folder_, failed)) {
      if (!fs::exists(folder_ / kMarker, failed) && !fs::is_empty(folder_, failed)) {
        return Error(
            ErrorCode::BadRequest,
            "'" + folder_.string() + "' is there and is not a demo's folder: choose another with --data");
      }
      fs::remove_all(folder_, failed);
    }
    fs::create_directories(folder_, failed);
    if (failed)
      return Error(ErrorCode::BadRequest, "can't make '" + folder_.string() + "': " + failed.message());
    std::ofstream(folder_ / kMarker) << "made by spillway demo, which empties this folder at its start\n";
    return Status();
  }

  Status start_server() {
    fs::path source = fs::absolute(options_.flights).parent_path();
    fs::path airports = fs::absolute(options_.airports).parent_path();
    std::vector<std::string> arguments = {
        "--data",         (folder_ / "data").string(),     "--listen",       "127.0.0.1:0",
        "--storage-root", (folder_ / "exported").string(), "--storage-root", source.string()};
    if (airports != source) arguments.insert(arguments.end(), {"--storage-root", airports.string()});
    SPILLWAY_ASSIGN(ServerProcess server, ServerProcess::start(arguments, (folder_ / "server.log").string()));
    server_.emplace(std::move(server));
    client_.emplace(ClientOptions{.url = server_->url(), .token = "", .application = "spillway demo"});
    std::printf("server     %s, process %d, log %s\n", server_->url().c_str(),
                static_cast<int>(server_->pid()), (folder_ / "server.log").c_str());
    return Status();
  }

  Status command(const std::string& text, const std::string& database = kDatabase) {
    Result<std::vector<Table>> answer = client_->mgmt(database, text);
    if (!answer.ok()) return Error(answer.error().code, answer.error().message + "\nin: " + text);
    return Status();
  }

  Result<Table> rows(const std::string& text) {
    Result<std::vector<Table>> answer = client_->execute(kDatabase, text);
    if (!answer.ok()) return Error(answer.error().code, answer.error().message + "\nin: " + text);
    if (answer->empty()) return Error(ErrorCode::Internal, "no table in the answer to: " + text);
    return std::move((*answer)[0]);
  }

  Result<int64_t> number(const std::string& text) {
    SPILLWAY_ASSIGN(Table table, rows(text));
    if (table.rows.empty() || table.rows[0].empty() || table.rows[0][0].is_null()) return int64_t{0};
    return table.rows[0][0].as_int();
  }

  Status create() {
    SPILLWAY_TRY(command(std::string(".create database ") + kDatabase, "NetDefaultDB"));
    SPILLWAY_TRY(
        command(".create table Flights (Date:datetime, Delay:long, Distance:long, Origin:string, "
                "Destination:string)"));
    SPILLWAY_TRY(command(
        ".create table Airports (Iata:string, Name:string, City:string, State:string, Country:string, "
        "Latitude:real, Longitude:real)"));
    // Where the flights come from: the Parquet file, read in place.
    fs::path file = fs::absolute(options_.flights);
    SPILLWAY_TRY(command(
        ".create external table FlightsFile (['date']:datetime, delay:long, distance:long, origin:string, "
        "destination:string) kind=storage dataformat=parquet (" +
        quoted(file.parent_path().string()) + ") with (namePrefix=" + quoted(file.stem().string()) +
        ", fileExtension=" + quoted(file.extension().string()) + ")"));
    SPILLWAY_TRY(command(
        ".create external table FlightsByMonth (Date:datetime, Delay:long, Distance:long, Origin:string, "
        "Destination:string) kind=storage partition by (Month:datetime = startofmonth(Date)) "
        "pathformat = (datetime_pattern(\"'month='yyyy-MM\", Month)) dataformat=parquet (" +
        target("FlightsByMonth") + ") with (compressed=true, compressionType='zstd')"));
    SPILLWAY_TRY(command(
        ".create external table DelayedFlights (Date:datetime, Delay:long, Origin:string, City:string, "
        "State:string, Destination:string) kind=storage dataformat=csv (" +
        target("DelayedFlights") + ") with (compressed=true, includeHeaders='All')"));
    SPILLWAY_TRY(
        command(".create external table DailyOrigins (Day:datetime, Origin:string, Flights:long, Delay:long) "
                "kind=storage dataformat=json (" +
                target("DailyOrigins") + ")"));
    SPILLWAY_TRY(
        command(".create-or-alter continuous-export FlightsByMonth over (Flights) to table FlightsByMonth "
                "with (intervalBetweenRuns=2s) <| Flights"));
    SPILLWAY_TRY(
        command(".create-or-alter continuous-export DelayedFlights over (Flights) to table DelayedFlights "
                "with (intervalBetweenRuns=1s) <| " +
                std::string(kExports[1].expected)));
    SPILLWAY_TRY(
        command(".create-or-alter continuous-export DailyOrigins over (Flights) to table DailyOrigins "
                "with (intervalBetweenRuns=1s) <| " +
                std::string(kExports[2].expected)));
    std::printf(
        "created    database %s, 2 tables, 4 external tables, 3 continuous exports (every 1 or 2 s)\n",
        kDatabase);
    return Status();
  }

  std::string target(const char* name) const { return quoted((folder_ / "exported" / name).string()); }

  Status ingest_airports() {
    SPILLWAY_TRY(command(".ingest into table Airports (" + quoted(fs::absolute(options_.airports).string()) +
                         ") with (format='csv', ignoreFirstRecord=true)"));
    SPILLWAY_ASSIGN(int64_t airports, number("Airports | count"));
    std::printf("ingested   %s airports\n", with_commas(airports).c_str());
    return Status();
  }

  Status ingest_flights() {
    SPILLWAY_ASSIGN(
        Table span,
        rows("external_table('FlightsFile') | summarize First = min(['date']), Last = max(['date'])"));
    Ticks first = span.rows[0][0].as_int();
    Ticks width = (span.rows[0][1].as_int() - first) / options_.batches + 1;
    Clock::time_point start = Clock::now();
    for (int batch = 0; batch < options_.batches; ++batch) {
      std::this_thread::sleep_until(start + batch * kBatchInterval);
      SPILLWAY_TRY(append_batch(first + batch * width, first + (batch + 1) * width));
      SPILLWAY_TRY(show_progress(batch + 1, start));
      if (batch + 1 == (options_.batches + 1) / 2) SPILLWAY_TRY(kill_during_a_run());
    }
    if (terminal_) std::printf("\n");
    return Status();
  }

  Status append_batch(Ticks from, Ticks to) {
    return command(".append Flights <| external_table('FlightsFile') | where ['date'] >= datetime(" +
                   format_datetime(from) + ") and ['date'] < datetime(" + format_datetime(to) +
                   ") | project Date = ['date'], Delay = delay, Distance = distance, Origin = origin, "
                   "Destination = destination");
  }

  Status show_progress(int batch, Clock::time_point start) {
    SPILLWAY_ASSIGN(int64_t ingested, number("Flights | count"));
    std::string exported;
    for (const DemoExport& each : kExports) {
      SPILLWAY_ASSIGN(int64_t records, number(std::string(".show continuous-export ") + each.name +
                                              " exported-artifacts | summarize sum(NumRecords)"));
      exported += "  " + std::string(each.name) + " " + with_commas(records);
    }
    std::printf("%sbatch %2d/%d  %s flights in %s  exported:%s%s", terminal_ ? "\r\033[K" : "", batch,
                options_.batches, with_commas(ingested).c_str(), seconds_since(start).c_str(),
                exported.c_str(), terminal_ ? "" : "\n");
    std::fflush(stdout);
    return Status();
  }

  /// Waits until an export is running, kills the server there and then, and starts it again.
  Status kill_during_a_run() {
    Clock::time_point give_up = Clock::now() + kCatchUpTimeout;
    std::string running;
    while (running.empty()) {
      if (Clock::now() > give_up)
        return Error(ErrorCode::Timeout, "no export ran in five minutes: see the server's log");
      SPILLWAY_ASSIGN(Table shown, rows(".show continuous-exports | where IsRunning | project Name"));
      if (!shown.rows.empty())
        running = shown.rows[0][0].as_text();
      else
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    pid_t killed = server_->pid();
    server_->kill();
    std::printf("%skill -9    process %d, while %s was running; starting again on the same folder\n",
                terminal_ ? "\n" : "", static_cast<int>(killed), running.c_str());
    return start_server();
  }

  Status catch_up() {
    Clock::time_point start = Clock::now();
    while (true) {
      SPILLWAY_ASSIGN(Table latest, rows("Flights | summarize max(ingestion_time())"));
      SPILLWAY_ASSIGN(int64_t late, number(".show continuous-exports | where ExportedTo < datetime(" +
                                           format_datetime(latest.rows[0][0].as_int()) + ") | count"));
      if (late == 0) break;
      if (Clock::now() - start > kCatchUpTimeout)
        return Error(ErrorCode::Timeout, "the exports did not catch up: see the server's log");
      std::this_thread::sleep_for(kPoll);
    }
    std::printf("caught up  all three exports, %s after the last batch\n", seconds_since(start).c_str());
    return Status();
  }

  Status prove() {
    SPILLWAY_ASSIGN(int64_t ingested, number("Flights | count"));
    std::printf("\nThe proof, from the files that `.show continuous-export … exported-artifacts` reports:\n");
    std::printf("records ingested  %s\n", with_commas(ingested).c_str());
    bool whole = true;
    for (const DemoExport& each : kExports) {
      SPILLWAY_ASSIGN(bool proved, prove(each));
      whole = whole && proved;
    }
    if (!whole) return Error(ErrorCode::Internal, "records are missing or duplicated");
    return Status();
  }

  /// Compares, record by record, what must have left with what the reported artifacts hold, and the reported
  /// artifacts with the files that lie there.
  Result<bool> prove(const DemoExport& each) {
    SPILLWAY_ASSIGN(Table artifacts, rows(std::string(".show continuous-export ") + each.name +
                                          " exported-artifacts | project Path, NumRecords"));
    SPILLWAY_ASSIGN(int64_t strangers, unreported_files(each, artifacts));
    std::string exported = std::string("external_table('") + each.external_table + "')";
    std::string expected = std::string("(") + each.expected + ")";
    std::string count = " | summarize Records = count() by ";
    std::string keys = each.keys;
    if (keys.empty()) {  // partial sums: a key stands in as many records as runs saw it, and their sum is the
                         // whole
      keys = "Day, Origin";
      count = " | summarize Records = sum(Flights), Delay = sum(Delay) by ";
    }
    std::string compare =
        "let ingested = materialize(" + expected + count + keys + "); let exported = materialize(" +
        exported + count + keys + "); ingested | join kind=fullouter exported on " + keys +
        " | extend A = coalesce(Records, 0), B = coalesce(Records1, 0)" +
        (each.keys[0] ? "" : " | extend Wrong = coalesce(Delay, 0) != coalesce(Delay1, 0)") +
        " | summarize Ingested = sum(A), Exported = sum(B), Missing = sumif(A - B, A > B), "
        "Duplicated = sumif(B - A, B > A)" +
        (each.keys[0] ? "" : ", Wrong = countif(Wrong)");
    SPILLWAY_ASSIGN(Table answer, rows(compare));
    const std::vector<Value>& row = answer.rows[0];
    auto value = [&](size_t i) { return row[i].is_null() ? int64_t{0} : row[i].as_int(); };
    int64_t wrong = each.keys[0] ? 0 : value(4);
    std::printf(
        "%-16s  %s\n                  records exported %s of %s, missing %s, duplicated %s; %zu artifacts in "
        "%s, %s not reported\n",
        each.name, each.what, with_commas(value(1)).c_str(), with_commas(value(0)).c_str(),
        with_commas(value(2)).c_str(), with_commas(value(3)).c_str(), artifacts.rows.size(),
        (folder_ / "exported" / each.external_table).c_str(), with_commas(strangers).c_str());
    return value(0) > 0 && value(2) == 0 && value(3) == 0 && wrong == 0 && strangers == 0 &&
           value(0) == value(1);
  }

  /// Files below the export's folder that no artifact names; waits for the janitor to remove those of the
  /// killed run.
  Result<int64_t> unreported_files(const DemoExport& each, const Table& artifacts) {
    std::set<std::string> reported;
    for (const std::vector<Value>& row : artifacts.rows) reported.insert(row[0].as_text());
    Clock::time_point give_up = Clock::now() + kCatchUpTimeout;
    while (true) {
      int64_t strangers = 0;
      for (const fs::directory_entry& entry :
           fs::recursive_directory_iterator(folder_ / "exported" / each.external_table)) {
        if (entry.is_regular_file() && !reported.contains(entry.path().string())) ++strangers;
      }
      if (strangers == 0 || Clock::now() > give_up) return strangers;
      std::this_thread::sleep_for(kPoll);
    }
  }

  void print_next_steps() const {
    fs::path program = fs::read_symlink("/proc/self/exe");
    std::error_code failed;
    fs::path near = fs::relative(program, fs::current_path(), failed);
    std::string spillway = failed || near.empty() ? program.string() : near.string();
    std::string data = (fs::path(options_.folder) / "data").string();
    std::string exported = (fs::path(options_.folder) / "exported").string();
    std::printf(
        "\nTry it yourself:\n"
        "  %s serve --data %s --storage-root %s\n"
        "and in another terminal:\n"
        "  %s query --database %s 'Flights | summarize Flights=count(), AvgDelay=round(avg(Delay), 1) by "
        "Origin | "
        "top 10 by Flights'\n"
        "  %s query --database %s '.show continuous-exports'\n"
        "  %s query --database %s '.show continuous-export FlightsByMonth exported-artifacts | take 5'\n",
        spillway.c_str(), data.c_str(), exported.c_str(), spillway.c_str(), kDatabase, spillway.c_str(),
        kDatabase, spillway.c_str(), kDatabase);
  }

  DemoOptions options_;
  fs::path folder_;
  std::optional<ServerProcess> server_;
  std::optional<Client> client_;
  bool terminal_ = ::isatty(STDOUT_FILENO) == 1;
};

}  // namespace

void add_demo_command(CLI::App& app) {
  auto options = std::make_shared<DemoOptions>();
  CLI::App* demo = app.add_subcommand(
      "demo", "Ingest three million flights while they are exported, kill -9 included, and prove it");
  demo->add_option("--flights", options->flights, "flights-3m.parquet of the npm package vega-datasets")
      ->required()
      ->check(CLI::ExistingFile);
  demo->add_option("--airports", options->airports, "airports.csv of the same package")
      ->required()
      ->check(CLI::ExistingFile);
  demo->add_option("--data", options->folder, "The demo's own folder, emptied at its start")
      ->capture_default_str();
  demo->add_option("--batches", options->batches, "Into how many batches the flights are cut")
      ->capture_default_str()
      ->check(CLI::Range(2, 10'000));
  demo->callback([options] {
    Status status;
    try {
      status = Demo(*options).run();
    } catch (const std::filesystem::filesystem_error& failure) {
      status = Error(ErrorCode::Internal, failure.what());
    }
    if (status.ok()) return;
    std::fprintf(stderr, "\nThe demo failed: %s\n", status.error().message.c_str());
    throw CLI::RuntimeError(1);
  });
}

}  // namespace spillway::cli
