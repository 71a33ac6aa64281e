// JSON as records: property bags, each on lines of its own (JSON lines), or any number of them separated by
// white space, or as the elements of an array.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "catalog/model.h"
#include "engine/records.h"
#include "ingest/input.h"
#include "ingest/mapping.h"

namespace spillway::ingest {

enum class JsonLayout {
  Lines,  // a record doesn't span lines
  Multi,  // an array, or property bags one after another
};

/// Lines where the input begins with a '{', Multi where it begins with a '['.
Result<JsonLayout> detect_layout(const Input& input);

/// `inputs` outlive it.
std::unique_ptr<engine::RecordSource> open_json(JsonLayout layout, const std::vector<Input>& inputs,
                                                const std::vector<catalog::Column>& columns,
                                                std::vector<ColumnSource> sources, size_t threads);

/// Behind the JSON value that begins at `at`; npos where there is no valid one, or it nests too deeply.
size_t skip_json(std::string_view text, size_t at);

}  // namespace spillway::ingest
