#include "ingest/sources.h"

#include <algorithm>
#include <filesystem>

#include "ingest/formats.h"

namespace spillway::ingest {
namespace {

using storage::ConnectionString;
using storage::ObjectInfo;
using storage::ObjectStore;

/// Files of one ingestion.
constexpr size_t kMaxFiles = 100'000;

class SourceOpener {
 public:
  SourceOpener(const storage::StoreFactory& stores, ExtentFiles& files, const Properties& properties,
               const engine::RunOptions& options)
      : stores_(stores), files_(files), properties_(properties), options_(options) {}

  Status add(const std::string& text);
  Sources take() { return std::move(sources_); }

 private:
  Status add_folder(const ConnectionString& connection);
  Status add_object(ObjectStore& store, const ObjectInfo& object);
  Result<std::string> local_file(ObjectStore& store, const ObjectInfo& object);
  Result<std::string> format_of(const Input& input) const;
  void add_input(const std::string& format, Input input);

  /// Calls of stores end with the ingestion.
  storage::CallLimits limits() const {
    storage::CallLimits limits;
    limits.cancelled = [cancel = options_.cancel] { return cancel && cancel->cancelled(); };
    return limits;
  }

  const storage::StoreFactory& stores_;
  ExtentFiles& files_;
  const Properties& properties_;
  const engine::RunOptions& options_;
  Sources sources_;
  size_t count_ = 0;
};

Status SourceOpener::add(const std::string& text) {
  SPILLWAY_ASSIGN(const ConnectionString connection, ConnectionString::parse(text));
  std::error_code ignored;
  const bool local = connection.kind() == ConnectionString::Kind::Local;
  const auto split = connection.split();
  if (!split.ok() || (local && std::filesystem::is_directory(connection.local, ignored)))
    return add_folder(connection);
  SPILLWAY_ASSIGN(const std::unique_ptr<ObjectStore> store, stores_.open(split->first, limits()));
  const Result<ObjectInfo> object = store->stat(split->second);
  if (object.ok()) return add_object(*store, *object);
  if (local || object.error().code != ErrorCode::EntityNotFound) return object.error();
  return add_folder(connection);
}

Status SourceOpener::add_folder(const ConnectionString& connection) {
  SPILLWAY_ASSIGN(const std::unique_ptr<ObjectStore> store, stores_.open(connection, limits()));
  SPILLWAY_ASSIGN(std::vector<ObjectInfo> objects, store->list(""));
  std::sort(objects.begin(), objects.end(),
            [](const ObjectInfo& a, const ObjectInfo& b) { return a.path < b.path; });
  if (objects.empty()) {
    return Error(ErrorCode::EntityNotFound,
                 "there is no file at '" + connection.address() + "', nor below it");
  }
  for (const ObjectInfo& object : objects) SPILLWAY_TRY(add_object(*store, object));
  return Status();
}

Status SourceOpener::add_object(ObjectStore& store, const ObjectInfo& object) {
  if (options_.cancel && options_.cancel->cancelled()) return options_.cancel->error("the ingestion");
  if (++count_ > kMaxFiles) {
    return Error(ErrorCode::LimitExceeded,
                 "an ingestion takes up to " + std::to_string(kMaxFiles) + " files");
  }
  Input input;
  input.name = store.public_path(object.path);
  input.size = object.size;
  if (lower_case(input.name).ends_with(".zip")) {
    return Error(ErrorCode::NotSupported,
                 input.prefix() + "zip archives can't be ingested: compress files with gzip");
  }
  SPILLWAY_ASSIGN(input.path, local_file(store, object));
  SPILLWAY_ASSIGN(const std::string format, format_of(input));
  if (format != "parquet" && !(properties_.treat_gz_as_uncompressed && is_gzip_name(input.name))) {
    SPILLWAY_ASSIGN(input.gzip, has_gzip_magic(input.path));
  }
  add_input(format, std::move(input));
  return Status();
}

Result<std::string> SourceOpener::local_file(ObjectStore& store, const ObjectInfo& object) {
  if (auto path = store.local_path(object.path)) return *std::move(path);
  if (!sources_.incoming) {
    SPILLWAY_ASSIGN(sources_.incoming, files_.make_incoming());
  }
  const std::string file = sources_.incoming->folder() + "/" + std::to_string(count_);
  SPILLWAY_TRY(store.get_file(object.path, file));
  return file;
}

Result<std::string> SourceOpener::format_of(const Input& input) const {
  if (!properties_.format.empty()) return check_format(properties_.format);
  if (const auto format = format_of_file(input.name)) return check_format(*format);
  return Error(ErrorCode::BadRequest,
               input.prefix() + "its name doesn't tell its format: give it by the property 'format'");
}

void SourceOpener::add_input(const std::string& format, Input input) {
  auto group = std::find_if(sources_.groups.begin(), sources_.groups.end(),
                            [&](const SourceGroup& other) { return other.format == format; });
  if (group == sources_.groups.end()) group = sources_.groups.insert(group, SourceGroup{format, {}});
  group->inputs.push_back(std::move(input));
}

}  // namespace

Result<Sources> open_sources(const storage::StoreFactory& stores, ExtentFiles& files,
                             const Properties& properties, const std::vector<std::string>& connections,
                             const engine::RunOptions& options) {
  SourceOpener opener(stores, files, properties, options);
  for (const std::string& connection : connections) SPILLWAY_TRY(opener.add(connection));
  return opener.take();
}

}  // namespace spillway::ingest
