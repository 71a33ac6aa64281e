// Text artifacts out of a result stream, on all cores.
//
// The calling thread takes batches from the engine and copies their rows into blocks of about 1 MiB, one
// block being filled for each partition. A full block goes to the pool: formatted, and compressed as a gzip
// member of its own (members that follow each other are one gzip file, RFC 1952). A partition's blocks reach
// its files in their order, whichever is ready first. What is in memory is bounded, however many rows and
// partitions there are: blocks under way by their number, blocks being filled by kFillingMemory.
#pragma once

#include <vector>

#include "engine/engine.h"
#include "export/exports.h"
#include "export/staged_file.h"
#include "export/task_pool.h"

namespace spillway::exports {

struct TextTarget {
  const Settings& settings;
  size_t columns = 0;  // the stream's first columns are written, those behind it are the partitions' values
  std::string folder;  // exists; the files come into it
  size_t writers = 1;  // files of one partition that are written at once: blocks go to them in turn
};

/// Without rows: no file. On an error, what was written is left for the caller to remove.
Result<std::vector<StagedFile>> write_text(engine::ResultStream& stream, const TextTarget& target,
                                           TaskPool& pool, const engine::CancelToken* cancel);

}  // namespace spillway::exports
