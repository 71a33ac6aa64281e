// A folder of a test's own, removed with all that is in it when the test ends.
#pragma once

#include <string>
#include <string_view>

namespace spillway::test {

class TempFolder {
 public:
  TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  ~TempFolder();

  const std::string& path() const { return path_; }
  /// The absolute path of something in it.
  std::string path(std::string_view name) const;
  /// Writes a file in it, with the folders above it; its absolute path.
  std::string write(std::string_view name, std::string_view content) const;

 private:
  std::string path_;
};

/// The content of a file; throws std::runtime_error where there is none.
std::string read_file(const std::string& path);

}  // namespace spillway::test
