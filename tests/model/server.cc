#include "tests/model/server.h"

#include <algorithm>
#include <filesystem>

namespace spillway::model {
namespace {

namespace fs = std::filesystem;

template <typename T>
T value_of(Result<T> result, const std::string& what) {
  if (!result.ok()) violate(what + ": " + result.error().message);
  return std::move(*result);
}

/// A folder that is on a disk where the other one is in memory.
std::unique_ptr<test::TempFolder> folder_elsewhere() {
  const char* before = std::getenv("TMPDIR");
  const std::string kept = before ? before : "";
  ::setenv("TMPDIR", "/tmp", 1);
  auto folder = std::make_unique<test::TempFolder>();
  before ? ::setenv("TMPDIR", kept.c_str(), 1) : ::unsetenv("TMPDIR");
  return folder;
}

std::vector<std::string> files_below(const std::string& folder, bool relative) {
  std::vector<std::string> paths;
  if (!fs::exists(folder)) return paths;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file() || entry.path().filename().string().starts_with(".spillway-")) continue;
    paths.push_back(relative ? entry.path().lexically_relative(folder).string() : entry.path().string());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

}  // namespace

void violate(const std::string& message) {
  throw Violation{message};
}

Server::Server(Options options, Ticks start)
    : options_(std::move(options)),
      other_(options_.other_file_system ? folder_elsewhere() : nullptr),
      out_((other_ ? other_->path() : folder_.path()) + "/out"),
      clock_(start),
      stores_({out_, folder_.path("in")}) {
  open();
}

Server::~Server() {
  stop();
}

void Server::open() {
  fs::create_directories(folder_.path("extents"));
  catalog_ = value_of(catalog::Catalog::open(folder_.path("catalog"), clock_), "the catalog can't be opened");
  if (!engine_) {
    engine::EngineOptions options;
    options.memory_limit = int64_t{512} << 20;
    options.threads = options_.background ? 2 : 1;
    options.temp_folder = folder_.path("temp");
    options.extents_folder = folder_.path("extents");
    engine_ = value_of(engine::Engine::open(options, stores_), "the engine can't be opened");
  }
  ingestor_ = value_of(ingest::Ingestor::open(*catalog_, *engine_, stores_, clock_, folder_.path("extents")),
                       "the ingestor");
  if (!options_.background) ingestor_->stop();
  exports::ServiceOptions options = options_.exports;
  options.staging_folder = folder_.path("staging");
  options.owner = "model";
  exports_ = value_of(exports::Service::open(*catalog_, *engine_, stores_, clock_, options), "the service");
}

void Server::stop() {
  snapshot_.reset();
  exports_.reset();
  ingestor_.reset();
  catalog_.reset();
}

void Server::crash() {
  // Nothing can commit any more (the caller has halted all fail points): what ends now leaves no trace.
  snapshot_.reset();
  exports_.reset();
  ingestor_.reset();
  const std::string files = folder_.path("catalog"), kept = folder_.path("kept");
  fs::remove_all(kept);
  fs::copy(files, kept, fs::copy_options::recursive);
  catalog_.reset();
  fs::remove_all(files);
  fs::rename(kept, files);
}

std::vector<std::string> Server::listing() const {
  return files_below(out_, false);
}

std::vector<std::string> Server::extent_files() const {
  return files_below(folder_.path("extents"), true);
}

}  // namespace spillway::model
