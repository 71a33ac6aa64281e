#include "kql/native_operator.h"

#include <algorithm>
#include <bit>

namespace spillway::kql {

Status MemoryAccount::hold(int64_t bytes) {
  const int64_t wanted = (bytes + kStep - 1) / kStep * kStep;
  if (wanted > reserved_) {
    SPILLWAY_TRY(context_.reserve(wanted - reserved_));
  } else if (wanted < reserved_) {
    context_.release(reserved_ - wanted);
  }
  reserved_ = wanted;
  return Status();
}

Result<size_t> RowCursor::next(size_t most) {
  while (begin_ + taken_ == end_) {
    if (done_) return size_t{0};
    SPILLWAY_ASSIGN(batch_, input_.next());
    begin_ = end_ = taken_ = 0;
    if (!batch_) {
      done_ = true;
      return size_t{0};
    }
    end_ = batch_->rows;
  }
  begin_ += taken_;
  taken_ = std::min(most, end_ - begin_);
  return taken_;
}

void HeldColumn::mark(bool valid) {
  if ((size_ & 63) == 0) valid_.push_back(0);
  if (valid) valid_.back() |= uint64_t{1} << (size_ & 63);
  ++size_;
}

void HeldColumn::append_null() {
  mark(type_ == Type::String);
  if (type_ == Type::Guid) numbers_.push_back(0);
  numbers_.push_back(is_text() ? static_cast<int64_t>(characters_.size()) : 0);
}

void HeldColumn::append(const VectorView& from, size_t i) {
  if (from.is_null(i)) return append_null();
  mark(true);
  switch (type_) {
    case Type::String:
    case Type::Decimal:
    case Type::Dynamic:
      characters_ += from.text(i);
      numbers_.push_back(static_cast<int64_t>(characters_.size()));
      return;
    case Type::Guid: {
      const Guid& guid = from.get<Guid>(i);
      numbers_.push_back(static_cast<int64_t>(guid.high));
      numbers_.push_back(static_cast<int64_t>(guid.low));
      return;
    }
    case Type::Real: numbers_.push_back(std::bit_cast<int64_t>(from.get<double>(i))); return;
    case Type::Bool: numbers_.push_back(from.boolean(i) ? 1 : 0); return;
    default: numbers_.push_back(from.integer(i)); return;
  }
}

void HeldColumn::append(const Value& value) {
  if (value.is_null()) return append_null();
  mark(true);
  switch (type_) {
    case Type::String:
    case Type::Decimal:
    case Type::Dynamic:
      characters_ += value.as_text();
      numbers_.push_back(static_cast<int64_t>(characters_.size()));
      return;
    case Type::Guid:
      numbers_.push_back(static_cast<int64_t>(value.as_guid().high));
      numbers_.push_back(static_cast<int64_t>(value.as_guid().low));
      return;
    case Type::Real: numbers_.push_back(std::bit_cast<int64_t>(value.as_real())); return;
    case Type::Bool: numbers_.push_back(value.as_bool() ? 1 : 0); return;
    default: numbers_.push_back(value.as_int()); return;
  }
}

double HeldColumn::real(size_t row) const {
  return std::bit_cast<double>(numbers_[row]);
}

std::string_view HeldColumn::text(size_t row) const {
  const size_t begin = row == 0 ? 0 : static_cast<size_t>(numbers_[row - 1]);
  return std::string_view(characters_).substr(begin, static_cast<size_t>(numbers_[row]) - begin);
}

Value HeldColumn::value(size_t row) const {
  if (is_null(row)) return Value::null(type_);
  switch (type_) {
    case Type::Bool: return Value::boolean(integer(row) != 0);
    case Type::Int: return Value::int32(static_cast<int32_t>(integer(row)));
    case Type::Long: return Value::int64(integer(row));
    case Type::Real: return Value::real(real(row));
    case Type::DateTime: return Value::datetime(integer(row));
    case Type::TimeSpan: return Value::timespan(integer(row));
    case Type::Guid: return Value::guid(guid(row));
    case Type::String: return Value::string(std::string(text(row)));
    case Type::Decimal: return Value::decimal(std::string(text(row)));
    case Type::Dynamic: return Value::dynamic(std::string(text(row)));
  }
  return Value::null(type_);
}

void HeldColumn::put(size_t row, VectorSink& to, size_t position) const {
  if (is_null(row)) return to.set_null(position);
  switch (type_) {
    case Type::String:
    case Type::Decimal:
    case Type::Dynamic: return to.set_text(position, text(row));
    case Type::Bool: return to.set<uint8_t>(position, integer(row) != 0 ? 1 : 0);
    case Type::Int: return to.set<int32_t>(position, static_cast<int32_t>(integer(row)));
    case Type::Real: return to.set<double>(position, real(row));
    case Type::Guid: return to.set<Guid>(position, guid(row));
    default: return to.set<int64_t>(position, integer(row));
  }
}

void HeldColumn::drop(size_t rows) {
  HeldColumn rest(type_);
  if (is_text()) {
    const size_t begin = rows == 0 ? 0 : static_cast<size_t>(numbers_[rows - 1]);
    rest.characters_ = characters_.substr(begin);
    for (size_t r = rows; r < size_; ++r) rest.numbers_.push_back(numbers_[r] - static_cast<int64_t>(begin));
  } else {
    const size_t width = type_ == Type::Guid ? 2 : 1;
    rest.numbers_.assign(numbers_.begin() + static_cast<std::ptrdiff_t>(rows * width), numbers_.end());
  }
  for (size_t r = rows; r < size_; ++r) rest.mark(!is_null(r));
  *this = std::move(rest);
}

int64_t HeldColumn::bytes() const {
  return static_cast<int64_t>((valid_.capacity() + numbers_.capacity()) * sizeof(int64_t) +
                              characters_.capacity());
}

HeldRows::HeldRows(const Schema& schema, OperatorContext& context) : context_(context), account_(context) {
  for (const Field& field : schema) columns_.emplace_back(field.type);
}

Status HeldRows::append(const Batch& batch, size_t row) {
  for (size_t c = 0; c < columns_.size(); ++c) columns_[c].append(batch.columns[c], row);
  ++rows_;
  return rows_ % kAccountRows == 0 ? account() : Status();
}

Status HeldRows::append(const Batch& batch) {
  for (size_t c = 0; c < columns_.size(); ++c) {
    for (size_t r = 0; r < batch.rows; ++r) columns_[c].append(batch.columns[c], r);
  }
  rows_ += batch.rows;
  return account();
}

Status HeldRows::append_all(RowInput& input) {
  while (true) {
    if (auto error = context_.expired()) return *std::move(error);
    SPILLWAY_ASSIGN(const Batch* batch, input.next());
    if (!batch) return Status();
    SPILLWAY_TRY(append(*batch));
  }
}

void HeldRows::drop(size_t rows) {
  for (HeldColumn& column : columns_) column.drop(rows);
  rows_ -= rows;
}

Status HeldRows::account() {
  int64_t bytes = 0;
  for (const HeldColumn& column : columns_) bytes += column.bytes();
  return account_.hold(bytes);
}

}  // namespace spillway::kql
