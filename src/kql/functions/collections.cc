// Aggregates that gather values: make_set(), make_bag(), buildschema(). Each keeps the order in which values
// came.
#include <algorithm>
#include <map>
#include <memory>
#include <unordered_map>
#include <unordered_set>

#include "kql/functions/builder.h"
#include "kql/json.h"

namespace spillway::kql {
namespace {

using Text = std::string_view;

/// What a set or a bag holds at most (query/make-set-aggregation-function.md).
constexpr int64_t kMostElements = 1'048'576;
/// What they hold by their older names, where the call doesn't say.
constexpr int64_t kOldDefault = 128;
/// And the bytes of it.
constexpr size_t kMostBytes = size_t{256} << 20;

Error too_large(const char* function) {
  return Error(ErrorCode::LimitExceeded, std::string(function) + "(): the result is larger than " +
                                             std::to_string(kMostBytes >> 20) + " MB");
}

/// The size that the call limits its result to: its second argument, where there is one.
int64_t limit_of(const std::vector<VectorView>& arguments, size_t row, int64_t otherwise) {
  if (arguments.size() < 2 || arguments[1].is_null(row)) return otherwise;
  return std::min(arguments[1].integer(row), kMostElements);
}

/// make_set(): elements as JSON.
class SetState : public AggregateState {
 public:
  explicit SetState(int64_t limit = kMostElements) : limit_(limit) {}
  Status add(const std::vector<VectorView>& arguments, size_t row) override {
    if (arguments[0].is_null(row)) return Status();
    limit_ = limit_of(arguments, row, limit_);
    const Text value = arguments[0].text(row);
    if (!value.starts_with('[')) return take(value);
    for (json::Cursor element(value); element.next();) SPILLWAY_TRY(take(element.value()));
    return Status();
  }
  Status merge(const AggregateState& other) override {
    const auto& from = static_cast<const SetState&>(other);
    limit_ = std::min(limit_, from.limit_);
    for (const std::string* element : from.order_) SPILLWAY_TRY(take(*element));
    return Status();
  }
  Status finish(VectorSink& out, size_t row) const override {
    std::string text = "[";
    for (const std::string* element : order_) {
      if (text.size() > 1) text += ',';
      text += *element;
    }
    out.set_text(row, text + "]");
    return Status();
  }

 private:
  Status take(Text element) {
    if (static_cast<int64_t>(order_.size()) >= limit_ || json::kind_of(element) == json::Kind::Null)
      return Status();
    const auto [place, fresh] = known_.emplace(element);
    if (!fresh) return Status();
    order_.push_back(&*place);
    bytes_ += element.size();
    if (bytes_ > kMostBytes) return too_large("make_set");
    return Status();
  }
  int64_t limit_;
  size_t bytes_ = 0;
  std::unordered_set<std::string> known_;
  std::vector<const std::string*> order_;
};

/// make_bag(): the first value of each key; what is no bag is left out.
class BagState : public AggregateState {
 public:
  explicit BagState(int64_t limit = kMostElements) : limit_(limit) {}
  Status add(const std::vector<VectorView>& arguments, size_t row) override {
    if (arguments[0].is_null(row)) return Status();
    limit_ = limit_of(arguments, row, limit_);
    json::Cursor member(arguments[0].text(row));
    if (!member.is_object()) return Status();
    while (member.next()) SPILLWAY_TRY(take(std::string(member.raw_key()), std::string(member.value())));
    return Status();
  }
  Status merge(const AggregateState& other) override {
    const auto& from = static_cast<const BagState&>(other);
    limit_ = std::min(limit_, from.limit_);
    for (const auto* member : from.order_) SPILLWAY_TRY(take(member->first, member->second));
    return Status();
  }
  Status finish(VectorSink& out, size_t row) const override {
    std::string text = "{";
    for (const auto* member : order_) {
      if (text.size() > 1) text += ',';
      text += member->first + ":" + member->second;
    }
    out.set_text(row, text + "}");
    return Status();
  }

 private:
  /// `key`: as JSON writes it.
  Status take(std::string key, std::string value) {
    if (static_cast<int64_t>(order_.size()) >= limit_) return Status();
    const size_t size = key.size() + value.size();
    const auto [place, fresh] = members_.emplace(std::move(key), std::move(value));
    if (!fresh) return Status();
    order_.push_back(&*place);
    bytes_ += size;
    if (bytes_ > kMostBytes) return too_large("make_bag");
    return Status();
  }
  int64_t limit_;
  size_t bytes_ = 0;
  std::unordered_map<std::string, std::string> members_;
  std::vector<const std::pair<const std::string, std::string>*> order_;
};

/// buildschema(): what types, members and elements the values have.
struct SchemaNode {
  std::vector<std::string> types;  // of scalars, in the order that they came in
  std::vector<std::pair<std::string, std::unique_ptr<SchemaNode>>> members;
  std::unique_ptr<SchemaNode> elements;
  bool object = false;

  void add(Text value) {
    switch (json::kind_of(value)) {
      case json::Kind::Object:
        object = true;
        for (json::Cursor slot(value); slot.next();) member(slot.key()).add(slot.value());
        return;
      case json::Kind::Array:
        if (!elements) elements = std::make_unique<SchemaNode>();
        for (json::Cursor item(value); item.next();) elements->add(item.value());
        return;
      case json::Kind::Bool: return type("bool");
      case json::Kind::Integer: return type("long");
      case json::Kind::Real: return type("double");
      case json::Kind::String: return type("string");
      default: return;
    }
  }

  void add(const SchemaNode& other) {
    for (const std::string& name : other.types) type(name);
    object = object || other.object;
    for (const auto& [key, node] : other.members) member(key).add(*node);
    if (!other.elements) return;
    if (!elements) elements = std::make_unique<SchemaNode>();
    elements->add(*other.elements);
  }

  void print(std::string& out) const {
    std::vector<std::string> parts;
    for (const std::string& name : types) parts.push_back("\"" + name + "\"");
    if (object) {
      std::string bag = "{";
      for (const auto& [key, node] : members) {
        if (bag.size() > 1) bag += ',';
        json::quote(key, bag);
        bag += ':';
        node->print(bag);
      }
      parts.push_back(bag + "}");
    }
    if (elements) {
      std::string array = "{\"`indexer`\":";
      elements->print(array);
      parts.push_back(array + "}");
    }
    if (parts.size() == 1) {
      out += parts[0];
      return;
    }
    out += '[';
    for (size_t i = 0; i < parts.size(); ++i) out += (i > 0 ? "," : "") + parts[i];
    out += ']';
  }

 private:
  void type(const std::string& name) {
    if (std::find(types.begin(), types.end(), name) == types.end()) types.emplace_back(name);
  }
  std::unordered_map<std::string, size_t> places_;  // of members
  SchemaNode& member(const std::string& key) {
    const auto [place, fresh] = places_.emplace(key, members.size());
    if (fresh) members.emplace_back(key, std::make_unique<SchemaNode>());
    return *members[place->second].second;
  }
};

class SchemaState : public AggregateState {
 public:
  Status add(const std::vector<VectorView>& arguments, size_t row) override {
    if (arguments[0].is_null(row)) return Status();
    root_.add(arguments[0].text(row));
    any_ = true;
    return Status();
  }
  Status merge(const AggregateState& other) override {
    const auto& from = static_cast<const SchemaState&>(other);
    root_.add(from.root_);
    any_ = any_ || from.any_;
    return Status();
  }
  Status finish(VectorSink& out, size_t row) const override {
    if (!any_) {
      out.set_null(row);
      return Status();
    }
    std::string text;
    root_.print(text);
    out.set_text(row, text);
    return Status();
  }

 private:
  SchemaNode root_;
  bool any_ = false;
};

struct OldSetState : SetState {
  OldSetState() : SetState(kOldDefault) {}
};
struct OldBagState : BagState {
  OldBagState() : BagState(kOldDefault) {}
};

void declare_set_aggregates(FunctionTableBuilder& table) {
  using enum Type;
  table.aggregate("make_set", "set_")
      .doc("The different values as an array; of arrays their elements.")
      .takes({as_dynamic()}, Dynamic, ordered_states<SetState>())
      .takes({as_dynamic(), constant(Long)}, Dynamic, ordered_states<SetState>());
  table.aggregate("make_set_if", "set_")
      .doc("The different values as an array, of the rows for which a predicate is true.")
      .takes_if({as_dynamic()}, Dynamic, ordered_states<SetState>())
      .takes_if({as_dynamic(), constant(Long)}, Dynamic, ordered_states<SetState>());
  table.aggregate("make_bag", "bag_")
      .doc("The members of all property bags as one.")
      .takes({Dynamic}, Dynamic, ordered_states<BagState>())
      .takes({Dynamic, constant(Long)}, Dynamic, ordered_states<BagState>());
  table.aggregate("make_bag_if", "bag_")
      .doc("The members of the property bags of the rows for which a predicate is true, as one.")
      .takes_if({Dynamic}, Dynamic, ordered_states<BagState>())
      .takes_if({Dynamic, constant(Long)}, Dynamic, ordered_states<BagState>());
  table.aggregate("make_dictionary", "dictionary_")
      .doc("The older name of make_bag().")
      .takes({Dynamic}, Dynamic, ordered_states<OldBagState>())
      .takes({Dynamic, constant(Long)}, Dynamic, ordered_states<OldBagState>());
  table.aggregate("makeset", "set_")
      .doc("The older name of make_set().")
      .takes({as_dynamic()}, Dynamic, ordered_states<OldSetState>())
      .takes({as_dynamic(), constant(Long)}, Dynamic, ordered_states<OldSetState>());
}

}  // namespace

void declare_collections(FunctionTableBuilder& table) {
  using enum Type;
  declare_set_aggregates(table);
  table.aggregate("buildschema", "schema_")
      .doc("The least schema that admits all dynamic values.")
      .takes({Dynamic}, Dynamic, ordered_states<SchemaState>());
}

}  // namespace spillway::kql
