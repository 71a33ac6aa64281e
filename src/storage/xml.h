// Reads XML that a storage service answers with, as a sequence of events; no DTDs, no recursion.
#pragma once

#include <string>
#include <string_view>

namespace spillway::storage {

class XmlReader {
 public:
  enum class Event { Open, Close, Text, End, Malformed };

  explicit XmlReader(std::string_view text) : rest_(text) {}
  /// An empty element gives Open and Close.
  Event next();
  /// The element's name at Open and Close.
  const std::string& name() const { return name_; }
  /// What stands behind the name in the tag, at Open.
  const std::string& attributes() const { return attributes_; }
  /// The text, with references resolved, at Text.
  const std::string& text() const { return text_; }

 private:
  Event malformed();
  Event read_tag();
  bool skip_past(std::string_view end);

  std::string_view rest_;
  std::string name_, attributes_, text_;
  bool close_next_ = false;
};

/// The text of the first element of this name; empty where there is none.
std::string xml_text_of(std::string_view xml, std::string_view element);

}  // namespace spillway::storage
