#include "engine/vectors.h"

#include <array>
#include <cstring>

#include "base/decimal_number.h"

namespace spillway::engine {
namespace {

/// DuckDB keeps a UUID as a signed 128-bit number with its highest bit flipped, so that it sorts as text.
constexpr uint64_t kUuidSign = uint64_t{1} << 63;

bool is_valid(const uint64_t* validity, size_t i) {
  return !validity || ((validity[i >> 6] >> (i & 63)) & 1);
}

}  // namespace

VectorView VectorReader::read(duckdb_vector vector, size_t rows) {
  const uint64_t* validity = duckdb_vector_get_validity(vector);
  switch (type_) {
    case Type::String:
    case Type::Dynamic: return VectorView(type_, read_texts(vector, rows), validity, rows);
    case Type::Guid: return VectorView(type_, read_guids(vector, rows), validity, rows);
    case Type::Decimal: return VectorView(type_, read_decimals(vector, rows), validity, rows);
    default: return VectorView(type_, duckdb_vector_get_data(vector), validity, rows);
  }
}

const void* VectorReader::read_texts(duckdb_vector vector, size_t rows) {
  if (texts_.size() < rows) texts_.resize(rows);
  const uint64_t* validity = duckdb_vector_get_validity(vector);
  auto* strings = static_cast<duckdb_string_t*>(duckdb_vector_get_data(vector));
  constexpr uint32_t kInlined = sizeof(strings->value.inlined.inlined);
  for (size_t i = 0; i < rows; ++i) {
    if (!is_valid(validity, i)) {  // what stands in a null's place may be anything
      texts_[i] = {};
      continue;
    }
    const uint32_t length = strings[i].value.inlined.length;
    texts_[i] = {length <= kInlined ? strings[i].value.inlined.inlined : strings[i].value.pointer.ptr,
                 length};
  }
  return texts_.data();
}

const void* VectorReader::read_guids(duckdb_vector vector, size_t rows) {
  if (guids_.size() < rows) guids_.resize(rows);
  const auto* values = static_cast<duckdb_hugeint*>(duckdb_vector_get_data(vector));
  for (size_t i = 0; i < rows; ++i) {
    guids_[i] = {static_cast<uint64_t>(values[i].upper) ^ kUuidSign, values[i].lower};
  }
  return guids_.data();
}

const void* VectorReader::read_decimals(duckdb_vector vector, size_t rows) {
  read_texts(vector, rows);
  characters_.clear();
  ends_.clear();
  for (size_t i = 0; i < rows; ++i) {
    if (!texts_[i].empty()) DecimalNumber::decode(texts_[i]).append_to(characters_);
    ends_.push_back(characters_.size());
  }
  for (size_t i = 0; i < rows; ++i) {
    const size_t begin = i == 0 ? 0 : ends_[i - 1];
    texts_[i] = std::string_view(characters_).substr(begin, ends_[i] - begin);
  }
  return texts_.data();
}

VectorWriter::VectorWriter(Type type, duckdb_vector vector, size_t rows)
    : type_(type), vector_(vector), data_(duckdb_vector_get_data(vector)) {
  if (type_ == Type::Guid) guids_.resize(rows);
}

void VectorWriter::set_null(size_t i) {
  if (!validity_) {
    duckdb_vector_ensure_validity_writable(vector_);
    validity_ = duckdb_vector_get_validity(vector_);
  }
  validity_[i >> 6] &= ~(uint64_t{1} << (i & 63));
}

void VectorWriter::set_text(size_t i, std::string_view text) {
  if (type_ == Type::Decimal) {
    const auto number = DecimalNumber::parse(text);
    if (!number) return set_null(i);
    std::array<char, DecimalNumber::kMaxEncoded> bytes;
    return put_bytes(i, {bytes.data(), number->encode(bytes.data())});
  }
  put_bytes(i, text);
}

void VectorWriter::put_bytes(size_t i, std::string_view text) {
  duckdb_string_t& target = static_cast<duckdb_string_t*>(data_)[i];
  if (text.size() <= sizeof(target.value.inlined.inlined)) {
    target = {};
    target.value.inlined.length = static_cast<uint32_t>(text.size());
    if (!text.empty()) std::memcpy(target.value.inlined.inlined, text.data(), text.size());
    return;
  }
  duckdb_vector_assign_string_element_len(vector_, i, text.data(), text.size());
}

void* VectorWriter::data() {
  return type_ == Type::Guid ? guids_.data() : data_;
}

void VectorWriter::finish(size_t first) {
  auto* values = static_cast<duckdb_hugeint*>(data_);
  for (size_t i = first; i < guids_.size(); ++i) {
    values[i] = {guids_[i].low, static_cast<int64_t>(guids_[i].high ^ kUuidSign)};
  }
}

}  // namespace spillway::engine
