#include "kql/operators/graph_nodes.h"

#include <algorithm>
#include <string>
#include <unordered_map>

#include "kql/operators/graph_data.h"

namespace spillway::kql {
namespace {

constexpr size_t kSourceId = 2, kTargetId = 3;  // columns of the edges

bool is_blank(const Value& value) {
  return value.is_null() || (value.type() == Type::String && value.as_text().empty());
}

/// What a node takes, beside its texts.
constexpr int64_t kNodeBytes = 160, kValueBytes = 56;

class GraphNodes : public NativeOperator {
 public:
  GraphNodes(const GraphNodesMaker& maker, const std::vector<std::unique_ptr<RowInput>>& inputs,
             OperatorContext& context)
      : maker_(maker), inputs_(inputs), context_(context), account_(context) {}

  Result<size_t> next(const std::vector<VectorSink*>& output, size_t capacity) override {
    if (!read_) {
      SPILLWAY_TRY(read());
      read_ = true;
    }
    size_t count = 0;
    for (; count < capacity && given_ < nodes_.size(); ++count, ++given_) {
      const Node& node = nodes_[given_];
      output[0]->set_text(count, *node.key);
      output[1]->set<int64_t>(count, node.entering);
      output[2]->set<int64_t>(count, node.leaving);
      for (size_t p = 0; p < node.properties.size(); ++p)
        put_value(node.properties[p], *output[3 + p], count);
    }
    return count;
  }

 private:
  struct Node {
    const std::string* key = nullptr;
    int64_t entering = 0, leaving = 0;
    std::vector<Value> properties;
  };

  Status read() {
    for (size_t i = 0; i < inputs_.size(); ++i) {
      const bool edges = i + 1 == inputs_.size();
      while (true) {
        if (auto error = context_.expired()) return *std::move(error);
        SPILLWAY_ASSIGN(const Batch* batch, inputs_[i]->next());
        if (!batch) break;
        for (size_t row = 0; row < batch->rows; ++row) edges ? add_edge(*batch, row) : add_node(*batch, row);
        SPILLWAY_TRY(account_.hold(held_));
      }
    }
    return Status();
  }

  Node& node_of(std::string_view key) {
    const auto [place, is_new] = places_.try_emplace(std::string(key), nodes_.size());
    if (is_new) {
      Node& node = nodes_.emplace_back();
      node.key = &place->first;
      for (const Type type : maker_.properties) node.properties.push_back(Value::null(type));
      held_ += kNodeBytes + static_cast<int64_t>(key.size() + node.properties.size() * kValueBytes);
    }
    return nodes_[place->second];
  }

  void add_node(const Batch& batch, size_t row) {
    Node& node = node_of(batch.columns[kNodeKey].text(row));
    for (size_t p = 0; p < node.properties.size(); ++p) {
      if (!is_blank(node.properties[p])) continue;
      node.properties[p] = batch.columns[1 + p].value(row);
      if (batch.columns[1 + p].type() == Type::String || batch.columns[1 + p].type() == Type::Dynamic)
        held_ += static_cast<int64_t>(batch.columns[1 + p].text(row).size());
    }
  }

  void add_edge(const Batch& batch, size_t row) {
    const auto end = [&](size_t key, size_t id) -> Node& {
      Node& node = node_of(batch.columns[key].text(row));
      for (const size_t p : maker_.ids) {
        if (is_blank(node.properties[p])) node.properties[p] = batch.columns[id].value(row);
      }
      return node;
    };
    ++end(kEdgeSource, kSourceId).leaving;
    ++end(kEdgeTarget, kTargetId).entering;
  }

  const GraphNodesMaker& maker_;
  const std::vector<std::unique_ptr<RowInput>>& inputs_;
  OperatorContext& context_;
  MemoryAccount account_;
  std::unordered_map<std::string, size_t> places_;
  std::vector<Node> nodes_;
  int64_t held_ = 0;
  size_t given_ = 0;
  bool read_ = false;
};

class GraphComponents : public NativeOperator {
 public:
  GraphComponents(const GraphComponentsMaker& maker, const std::vector<std::unique_ptr<RowInput>>& inputs,
                  OperatorContext& context)
      : maker_(maker), inputs_(inputs), graph_(inputs[0]->schema(), inputs[1]->schema(), context) {}

  Result<size_t> next(const std::vector<VectorSink*>& output, size_t capacity) override {
    if (!read_) {
      SPILLWAY_TRY(graph_.read(*inputs_[0], *inputs_[1]));
      maker_.strong ? find_strong() : find_weak();
      number();
      read_ = true;
    }
    size_t count = 0;
    const HeldRows& nodes = graph_.nodes();
    for (; count < capacity && given_ < nodes.size(); ++count, ++given_) {
      for (size_t c = 0; c < nodes.columns(); ++c) nodes.column(c).put(given_, *output[c], count);
      output.back()->set<int64_t>(count, component_[given_]);
    }
    return count;
  }

 private:
  void find_weak() {
    component_.resize(graph_.nodes().size());
    for (uint32_t node = 0; node < component_.size(); ++node) component_[node] = node;
    const auto root = [&](uint32_t node) {
      while (component_[node] != node) {
        component_[node] = component_[component_[node]];
        node = component_[node];
      }
      return node;
    };
    for (uint32_t edge = 0; edge < graph_.edges().size(); ++edge) {
      const uint32_t a = root(graph_.source(edge)), b = root(graph_.target(edge));
      component_[std::max(a, b)] = std::min(a, b);
    }
    for (uint32_t node = 0; node < component_.size(); ++node) component_[node] = root(node);
  }

  /// Tarjan's algorithm, with a stack of its own instead of calls.
  void find_strong() {
    const auto size = static_cast<uint32_t>(graph_.nodes().size());
    constexpr uint32_t kUnseen = UINT32_MAX;
    std::vector<uint32_t> index(size, kUnseen), low(size, 0), waiting;
    std::vector<bool> is_waiting(size, false);
    component_.assign(size, 0);
    struct Visit {
      uint32_t node;
      size_t edge;
    };
    std::vector<Visit> visits;
    uint32_t next = 0;
    const auto enter = [&](uint32_t node) {
      index[node] = low[node] = next++;
      waiting.push_back(node);
      is_waiting[node] = true;
      visits.push_back({node, 0});
    };
    for (uint32_t start = 0; start < size; ++start) {
      if (index[start] == kUnseen) enter(start);
      while (!visits.empty()) {
        const uint32_t node = visits.back().node;
        const GraphData::Range edges = graph_.leaving(node);
        if (visits.back().edge < edges.size()) {
          const uint32_t to = graph_.target(edges[visits.back().edge++]);
          if (index[to] == kUnseen) {
            enter(to);
          } else if (is_waiting[to]) {
            low[node] = std::min(low[node], index[to]);
          }
          continue;
        }
        visits.pop_back();
        if (!visits.empty()) low[visits.back().node] = std::min(low[visits.back().node], low[node]);
        if (low[node] != index[node]) continue;
        for (bool more = true; more;) {
          const uint32_t member = waiting.back();
          waiting.pop_back();
          is_waiting[member] = false;
          component_[member] = node;
          more = member != node;
        }
      }
    }
  }

  /// From components by a node of theirs to consecutive numbers.
  void number() {
    std::unordered_map<uint32_t, uint32_t> numbers;
    for (uint32_t& component : component_) {
      component = numbers.try_emplace(component, static_cast<uint32_t>(numbers.size())).first->second;
    }
  }

  const GraphComponentsMaker& maker_;
  const std::vector<std::unique_ptr<RowInput>>& inputs_;
  GraphData graph_;
  std::vector<uint32_t> component_;
  size_t given_ = 0;
  bool read_ = false;
};

}  // namespace

Result<std::unique_ptr<NativeOperator>> GraphNodesMaker::make(
    const std::vector<std::unique_ptr<RowInput>>& inputs, OperatorContext& context) const {
  return std::unique_ptr<NativeOperator>(new GraphNodes(*this, inputs, context));
}

Result<std::unique_ptr<NativeOperator>> GraphComponentsMaker::make(
    const std::vector<std::unique_ptr<RowInput>>& inputs, OperatorContext& context) const {
  return std::unique_ptr<NativeOperator>(new GraphComponents(*this, inputs, context));
}

}  // namespace spillway::kql
