#include "kql/operators/scan.h"

#include <deque>
#include <unordered_map>

#include "kql/row_evaluator.h"

namespace spillway::kql {
namespace {

using Record = std::vector<Value>;

/// How many rows go by between two looks at the clock.
constexpr size_t kRowsPerCheck = 1024;
/// What a value takes beside its text, about.
constexpr int64_t kValueBytes = 64;

/// What a step has matched: a record of each step up to its own; not set where that step was left out.
struct StepState {
  bool active = false;
  int64_t match_id = 0;
  std::vector<std::optional<Record>> records;
  bool pending = false;  // its own record is still to be given (output=last)
};
using States = std::vector<StepState>;

struct OutputRow {
  Record record;
  int64_t match_id = 0;
  size_t step = 0;
};

int64_t size_of(const Record& record) {
  int64_t bytes = 0;
  for (const Value& value : record) {
    const bool text = !value.is_null() && (value.type() == Type::String || value.type() == Type::Dynamic ||
                                           value.type() == Type::Decimal);
    bytes += kValueBytes + (text ? static_cast<int64_t>(value.as_text().size()) : 0);
  }
  return bytes;
}

class ScanOperator : public NativeOperator {
 public:
  ScanOperator(const ScanMaker& maker, RowInput& input, OperatorContext& context)
      : maker_(maker), rows_(input), context_(context), account_(context), evaluator_(context) {
    for (size_t c = 0; c < maker.passed; ++c) empty_.push_back(Value::null(input.schema()[c].type));
    empty_.insert(empty_.end(), maker.declared.begin(), maker.declared.end());
  }

  Result<size_t> next(const std::vector<VectorSink*>& output, size_t capacity) override {
    size_t given = 0;
    while (given < capacity) {
      if (ready_.empty()) {
        if (done_) break;
        SPILLWAY_TRY(read_row());
        continue;
      }
      put(ready_.front(), output, given++);
      ready_.pop_front();
    }
    return given;
  }

 private:
  /// The record, and the state that a step's condition is tried with.
  class Row : public RowValues {
   public:
    Row(const ScanOperator& scan, const States* states, std::optional<size_t> from, size_t step)
        : scan_(scan), states_(states), from_(from), step_(step) {}
    Value value(ColumnId column) const override {
      const ScanMaker::Place& place = scan_.maker_.places.at(column);
      if (!place.step) return scan_.current_[place.column];
      const std::optional<Record>* record = nullptr;
      if (from_ && *place.step < (*states_)[*from_].records.size())
        record = &(*states_)[*from_].records[*place.step];
      return record && *record ? (**record)[place.column] : scan_.empty_[place.column];
    }

   private:
    const ScanOperator& scan_;
    const States* states_;
    std::optional<size_t> from_;
    size_t step_;
  };

  Status read_row() {
    SPILLWAY_ASSIGN(const size_t count, rows_.next(1));
    if (count == 0) {
      done_ = true;
      for (const std::string& key : order_) flush(partitions_[key]);
      return Status();
    }
    if (++read_ % kRowsPerCheck == 0) {
      if (auto error = context_.expired()) return *std::move(error);
      SPILLWAY_TRY(account_.hold(held_));
    }
    current_.clear();
    for (size_t c = 0; c < rows_.columns(); ++c) current_.push_back(rows_.column(c).value(rows_.row(0)));
    States& states = partition();
    for (size_t step = maker_.steps.size(); step-- > 0;) SPILLWAY_TRY(try_step(states, step));
    return Status();
  }

  States& partition() {
    std::string key;
    for (const size_t column : maker_.partition) {
      const std::string text = current_[column].str();
      key += (current_[column].is_null() ? "n" : std::to_string(text.size())) + ":" + text;
    }
    const auto [found, is_new] = partitions_.try_emplace(key, maker_.steps.size());
    if (is_new) {
      order_.push_back(key);
      held_ += static_cast<int64_t>(2 * key.size() + maker_.steps.size() * sizeof(StepState));
    }
    return found->second;
  }

  /// The steps whose state may become that of `step`: the one before, and further ones while those between
  /// are optional.
  Result<bool> promote(States& states, size_t step) {
    for (size_t from = step; from-- > 0;) {
      if (states[from].active) {
        SPILLWAY_ASSIGN(const bool matches,
                        evaluator_.is_true(*maker_.steps[step].condition, Row(*this, &states, from, step)));
        if (matches) {
          give_pending(states[step], step);
          give_pending(states[from], from);
          release(states[step]);
          states[step] = std::move(states[from]);
          states[from] = StepState();
          states[step].records.resize(step + 1);
          return true;
        }
      }
      if (!maker_.steps[from].optional) break;
    }
    return false;
  }

  Status try_step(States& states, size_t step) {
    SPILLWAY_ASSIGN(const bool promoted, promote(states, step));
    StepState& state = states[step];
    const bool begins = step == 0 && !state.active;
    if (!promoted) {
      if (!state.active && step != 0) return Status();
      const std::optional<size_t> from = state.active ? std::optional<size_t>(step) : std::nullopt;
      SPILLWAY_ASSIGN(const bool matches,
                      evaluator_.is_true(*maker_.steps[step].condition, Row(*this, &states, from, step)));
      if (!matches) return Status();
    }
    if (begins) {
      state.active = true;
      state.match_id = next_match_++;
      state.records.resize(1);
    }
    return match(states, step);
  }

  Status match(States& states, size_t step) {
    const ScanStep& rule = maker_.steps[step];
    Record record(current_.begin(), current_.begin() + static_cast<std::ptrdiff_t>(maker_.passed));
    record.insert(record.end(), maker_.declared.begin(), maker_.declared.end());
    for (const auto& [column, expression] : rule.assignments) {
      SPILLWAY_ASSIGN(record[column], evaluator_.evaluate(*expression, Row(*this, &states, step, step)));
    }
    StepState& state = states[step];
    if (rule.output == ScanStep::Output::All) ready_.push_back({record, state.match_id, step});
    state.pending = rule.output == ScanStep::Output::Last;
    if (state.records[step]) held_ -= size_of(*state.records[step]);
    held_ += size_of(record);
    state.records[step] = std::move(record);
    return Status();
  }

  void give_pending(StepState& state, size_t step) {
    if (state.active && state.pending) ready_.push_back({*state.records[step], state.match_id, step});
    state.pending = false;
  }

  void release(const StepState& state) {
    for (const std::optional<Record>& record : state.records) {
      if (record) held_ -= size_of(*record);
    }
  }

  void flush(States& states) {
    for (size_t step = states.size(); step-- > 0;) give_pending(states[step], step);
  }

  void put(const OutputRow& row, const std::vector<VectorSink*>& output, size_t position) const {
    size_t c = 0;
    for (const Value& value : row.record) put_value(value, *output[c++], position);
    if (maker_.match_id) output[c++]->set<int64_t>(position, row.match_id);
    if (maker_.step_name) output[c++]->set_text(position, maker_.steps[row.step].name);
  }

  const ScanMaker& maker_;
  RowCursor rows_;
  OperatorContext& context_;
  MemoryAccount account_;
  RowEvaluator evaluator_;
  Record empty_;    // what a state holds that isn't there
  Record current_;  // the input's columns
  std::unordered_map<std::string, States> partitions_;
  std::vector<std::string> order_;  // of the partitions' keys
  std::deque<OutputRow> ready_;
  int64_t next_match_ = 0, held_ = 0;
  size_t read_ = 0;
  bool done_ = false;
};

}  // namespace

Result<std::unique_ptr<NativeOperator>> ScanMaker::make(const std::vector<std::unique_ptr<RowInput>>& inputs,
                                                        OperatorContext& context) const {
  return std::unique_ptr<NativeOperator>(new ScanOperator(*this, *inputs[0], context));
}

}  // namespace spillway::kql
