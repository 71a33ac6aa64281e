#include "kql/operators/graph_match.h"

#include <algorithm>
#include <deque>
#include <map>

#include "kql/operators/graph_data.h"

namespace spillway::kql {
namespace {

constexpr uint32_t kNone = UINT32_MAX;
/// How many steps of a search go by between two looks at the clock.
constexpr size_t kStepsPerCheck = 4096;

/// What a match has found.
struct Match {
  std::vector<uint32_t> nodes;               // of each node of the pattern
  std::vector<std::vector<uint32_t>> edges;  // of each edge of the pattern
  std::vector<std::vector<uint32_t>> ends;   // the node that each of those leads to
};

/// The graph, the pattern's conditions and its outputs: what both searches share.
class Search : public NativeOperator {
 public:
  Search(const GraphMatchMaker& maker, const std::vector<std::unique_ptr<RowInput>>& inputs,
         OperatorContext& context)
      : maker_(maker),
        graph_(inputs[0]->schema(), inputs[1]->schema(), context),
        context_(context),
        inputs_(inputs) {
    match_.nodes.assign(maker.nodes.size(), kNone);
    match_.edges.resize(maker.edges.size());
    match_.ends.resize(maker.edges.size());
  }

  Result<size_t> next(const std::vector<VectorSink*>& output, size_t capacity) override {
    if (!read_) {
      SPILLWAY_TRY(graph_.read(*inputs_[0], *inputs_[1]));
      read_ = true;
    }
    size_t count = 0;
    while (count < capacity) {
      SPILLWAY_ASSIGN(const bool found, find());
      if (!found) break;
      put(output, count++);
    }
    return count;
  }

 protected:
  /// The next match, in match_.
  virtual Result<bool> find() = 0;

  static bool holds(const HeldRows& rows, const std::vector<size_t>& conditions, uint32_t row) {
    return std::all_of(conditions.begin(), conditions.end(),
                       [&](size_t column) { return rows.column(column).boolean(row); });
  }
  bool node_fits(size_t node, uint32_t row) const {
    return holds(graph_.nodes(), maker_.nodes[node].conditions, row);
  }
  bool edge_fits(size_t edge, uint32_t row) const {
    return holds(graph_.edges(), maker_.edges[edge].conditions, row);
  }
  bool inner_fits(size_t edge, uint32_t node) const {
    return holds(graph_.nodes(), maker_.edges[edge].inner_conditions, node);
  }

  /// The n-th edge that a move may take from a node, and where it leads; false after the last.
  bool step(const PatternMove& move, uint32_t node, size_t n, uint32_t& edge, uint32_t& to) const {
    const GraphData::Range leaving = graph_.leaving(node), entering = graph_.entering(node);
    const size_t forward = move.direction == PatternMove::Direction::Backward ? 0 : leaving.size();
    const size_t backward = move.direction == PatternMove::Direction::Forward ? 0 : entering.size();
    if (n >= forward + backward) return false;
    edge = n < forward ? leaving[n] : entering[n - forward];
    to = n < forward ? graph_.target(edge) : graph_.source(edge);
    return true;
  }
  /// A loop is found once as an edge that leaves; as one that enters it is the same.
  bool is_second_loop(const PatternMove& move, uint32_t node, size_t n, uint32_t edge) const {
    return move.direction == PatternMove::Direction::Any && n >= graph_.leaving(node).size() &&
           graph_.source(edge) == graph_.target(edge);
  }

  Status tick() {
    if (++steps_ % kStepsPerCheck != 0) return Status();
    if (auto error = context_.expired()) return *std::move(error);
    return Status();
  }

  const GraphMatchMaker& maker_;
  GraphData graph_;
  Match match_;
  OperatorContext& context_;

 private:
  void put(const std::vector<VectorSink*>& output, size_t position) {
    for (size_t i = 0; i < maker_.outputs.size(); ++i) {
      const PatternOutput& wanted = maker_.outputs[i];
      VectorSink& to = *output[i];
      const HeldColumn& nodes = graph_.nodes().column(is_of_nodes(wanted.kind) ? wanted.column : 0);
      const HeldColumn& edges = graph_.edges().column(is_of_nodes(wanted.kind) ? 0 : wanted.column);
      switch (wanted.kind) {
        case PatternOutput::Kind::Node: nodes.put(match_.nodes[wanted.element], to, position); break;
        case PatternOutput::Kind::Edge: edges.put(match_.edges[wanted.element][0], to, position); break;
        case PatternOutput::Kind::Edges: put_array(edges, path(wanted.element), to, position); break;
        case PatternOutput::Kind::InnerNodes: put_array(nodes, inner(wanted.element), to, position); break;
        case PatternOutput::Kind::AnyEdge: put_any(edges, path(wanted.element), true, to, position); break;
        case PatternOutput::Kind::AllEdges: put_any(edges, path(wanted.element), false, to, position); break;
        case PatternOutput::Kind::AnyInnerNode:
          put_any(nodes, inner(wanted.element), true, to, position);
          break;
        case PatternOutput::Kind::AllInnerNodes:
          put_any(nodes, inner(wanted.element), false, to, position);
          break;
      }
    }
  }

  static bool is_of_nodes(PatternOutput::Kind kind) {
    return kind == PatternOutput::Kind::Node || kind == PatternOutput::Kind::InnerNodes ||
           kind == PatternOutput::Kind::AnyInnerNode || kind == PatternOutput::Kind::AllInnerNodes;
  }
  bool is_reversed(size_t edge) const {
    return std::any_of(maker_.moves.begin(), maker_.moves.end(),
                       [&](const PatternMove& move) { return move.edge == edge && move.reversed; });
  }
  std::vector<uint32_t> path(size_t edge) const {
    std::vector<uint32_t> rows = match_.edges[edge];
    if (is_reversed(edge)) std::reverse(rows.begin(), rows.end());
    return rows;
  }
  std::vector<uint32_t> inner(size_t edge) const {
    std::vector<uint32_t> rows = match_.ends[edge];
    if (!rows.empty()) rows.pop_back();
    if (is_reversed(edge)) std::reverse(rows.begin(), rows.end());
    return rows;
  }
  static void put_array(const HeldColumn& column, const std::vector<uint32_t>& rows, VectorSink& to,
                        size_t position) {
    std::string json = "[";
    for (const uint32_t row : rows) {
      if (json.size() > 1) json += ',';
      json += column.is_null(row) ? std::string_view("null") : column.text(row);
    }
    to.set_text(position, json + "]");
  }
  static void put_any(const HeldColumn& column, const std::vector<uint32_t>& rows, bool any, VectorSink& to,
                      size_t position) {
    const auto is_true = [&](uint32_t row) { return column.boolean(row); };
    const bool result =
        any ? std::any_of(rows.begin(), rows.end(), is_true) : std::all_of(rows.begin(), rows.end(), is_true);
    to.set<uint8_t>(position, result ? 1 : 0);
  }

  const std::vector<std::unique_ptr<RowInput>>& inputs_;
  size_t steps_ = 0;
  bool read_ = false;
};

/// All matches: a depth-first search whose stack outlives each match.
class MatchSearch : public Search {
 public:
  using Search::Search;

 private:
  /// A place of the search: `length` edges of a move have led to `node`. Alternatives are the end of the move
  /// there, then each edge from there on.
  struct Place {
    size_t move = 0;
    uint32_t node = 0;
    int64_t length = 0;
    size_t next = 0;        // alternative
    bool bound = false;     // its end of the move has set the pattern's node …
    bool extended = false;  // … or its edge is on the path
  };

  Result<bool> find() override {
    while (true) {
      SPILLWAY_TRY(tick());
      if (places_.empty()) {
        if (start_ >= graph_.nodes().size()) return false;
        const uint32_t node = start_++;
        if (!node_fits(maker_.start, node)) continue;
        match_.nodes[maker_.start] = node;
        places_.push_back({0, node, 0, 0, false, false});
        if (maker_.moves.empty()) {
          places_.clear();
          return true;
        }
        continue;
      }
      if (advance()) return true;
    }
  }

  /// Takes the next alternative of the last place. True where that completes a match.
  bool advance() {
    Place& place = places_.back();
    const PatternMove& move = maker_.moves[place.move];
    undo(place, move);
    if (place.next == 0) {
      ++place.next;
      if (place.length >= move.least && end_move(place, move)) return start_move(place);
      return false;
    }
    // With cycles=none a path doesn't go on through the node that it must end at.
    const bool is_end = maker_.cycles == GraphMatchMaker::Cycles::None && place.length > 0 &&
                        match_.nodes[move.to] == place.node;
    uint32_t edge = 0, to = 0;
    const size_t n = place.next - 1;
    if (is_end || place.length >= move.most || !step(move, place.node, n, edge, to)) {
      places_.pop_back();
      return false;
    }
    ++place.next;
    if (is_second_loop(move, place.node, n, edge) || !edge_fits(move.edge, edge)) return false;
    if (place.length > 0 && !inner_fits(move.edge, place.node)) return false;
    if (is_used(edge) || closes_cycle(move, to)) return false;
    match_.edges[move.edge].push_back(edge);
    match_.ends[move.edge].push_back(to);
    place.extended = true;
    places_.push_back({place.move, to, place.length + 1, 0, false, false});
    return false;
  }

  void undo(Place& place, const PatternMove& move) {
    if (place.bound) match_.nodes[move.to] = kNone;
    if (place.extended) {
      match_.edges[move.edge].pop_back();
      match_.ends[move.edge].pop_back();
    }
    place.bound = place.extended = false;
  }

  /// Whether the move may end at the place; notes its node.
  bool end_move(Place& place, const PatternMove& move) {
    uint32_t& node = match_.nodes[move.to];
    if (node != kNone) return node == place.node;
    if (!node_fits(move.to, place.node)) return false;
    node = place.node;
    place.bound = true;
    return true;
  }

  /// Goes on with the next move. True where there is none: the match is complete.
  bool start_move(const Place& place) {
    const size_t move = place.move + 1;
    if (move == maker_.moves.size()) return true;
    places_.push_back({move, match_.nodes[maker_.moves[move].from], 0, 0, false, false});
    return false;
  }

  bool is_used(uint32_t edge) const {
    if (maker_.cycles == GraphMatchMaker::Cycles::All) return false;
    return std::any_of(match_.edges.begin(), match_.edges.end(), [&](const std::vector<uint32_t>& edges) {
      return std::find(edges.begin(), edges.end(), edge) != edges.end();
    });
  }

  /// With cycles=none a node stands in a match once, but for one that the pattern itself names again.
  bool closes_cycle(const PatternMove& move, uint32_t to) const {
    if (maker_.cycles != GraphMatchMaker::Cycles::None) return false;
    if (match_.nodes[move.to] == to) return false;
    if (std::find(match_.nodes.begin(), match_.nodes.end(), to) != match_.nodes.end()) return true;
    return std::any_of(match_.ends.begin(), match_.ends.end(), [&](const std::vector<uint32_t>& ends) {
      return std::find(ends.begin(), ends.end(), to) != ends.end();
    });
  }

  std::vector<Place> places_;
  uint32_t start_ = 0;
};

/// The shortest paths from each node that may be the first: a breadth-first search over (move, edges of it,
/// node).
class ShortestSearch : public Search {
 public:
  ShortestSearch(const GraphMatchMaker& maker, const std::vector<std::unique_ptr<RowInput>>& inputs,
                 OperatorContext& context)
      : Search(maker, inputs, context), account_(context) {}

 private:
  struct State {
    size_t move = 0;
    int64_t length = 0;
    uint32_t node = 0;
    auto operator<=>(const State&) const = default;
  };
  /// How a state is reached: from which, by which edge (none where a move ends).
  struct Way {
    size_t from = 0;
    uint32_t edge = kNone;
  };
  struct Reached {
    State state;
    int64_t distance = 0;
    std::vector<Way> ways;
  };
  static constexpr int64_t kReachedBytes = 160;

  Result<bool> find() override {
    while (true) {
      SPILLWAY_TRY(tick());
      if (next_path()) return true;
      if (next_target_ < targets_.size()) {
        begin_paths(targets_[next_target_++]);
        continue;
      }
      if (start_ >= graph_.nodes().size()) return false;
      const uint32_t node = start_++;
      if (node_fits(maker_.start, node)) SPILLWAY_TRY(explore(node));
    }
  }

  Status explore(uint32_t start) {
    reached_.clear();
    places_.clear();
    targets_.clear();
    next_target_ = 0;
    match_.nodes[maker_.start] = start;
    reach({0, 0, start}, 0, {});
    reached_[0].ways.clear();
    for (size_t seen = 0; !queue_.empty(); ++seen) {
      SPILLWAY_TRY(tick());
      if (seen % kStepsPerCheck == 0)
        SPILLWAY_TRY(account_.hold(static_cast<int64_t>(reached_.size()) * kReachedBytes));
      const size_t i = queue_.front();
      queue_.pop_front();
      SPILLWAY_TRY(expand(i));
    }
    return Status();
  }

  /// States come in the order of their distance: the end of a move is as far as its last edge, and comes
  /// next.
  Status expand(size_t i) {
    const State state = reached_[i].state;
    const int64_t distance = reached_[i].distance;
    if (state.move == maker_.moves.size()) {
      targets_.push_back(i);
      return Status();
    }
    const PatternMove& move = maker_.moves[state.move];
    if (state.length >= move.least && node_fits(move.to, state.node))
      reach({state.move + 1, 0, state.node}, distance, {i, kNone});
    if (state.length >= move.most || (state.length > 0 && !inner_fits(move.edge, state.node)))
      return Status();
    uint32_t edge = 0, to = 0;
    for (size_t n = 0; step(move, state.node, n, edge, to); ++n) {
      if (!edge_fits(move.edge, edge) || is_second_loop(move, state.node, n, edge)) continue;
      reach({state.move, state.length + 1, to}, distance + 1, {i, edge});
      if (n % kStepsPerCheck == 0) SPILLWAY_TRY(tick());
    }
    return Status();
  }

  void reach(const State& state, int64_t distance, Way way) {
    const auto [place, is_new] = places_.try_emplace(state, reached_.size());
    if (is_new) {
      reached_.push_back({state, distance, {way}});
      way.edge == kNone ? queue_.push_front(place->second) : queue_.push_back(place->second);
      return;
    }
    Reached& known = reached_[place->second];
    if (known.distance == distance && maker_.shortest == GraphMatchMaker::Shortest::All)
      known.ways.push_back(way);
  }

  /// Paths to a target are told by which way was taken at each state on the way back.
  void begin_paths(size_t target) {
    const uint32_t node = reached_[target].state.node;
    // One pair of a source and a target has one length: the least.
    const bool is_start = node == match_.nodes[maker_.start] && reached_[target].distance > 0;
    chain_.clear();
    if (!is_start) chain_.push_back({target, 0});
  }

  bool next_path() {
    while (!chain_.empty()) {
      auto& [state, way] = chain_.back();
      const std::vector<Way>& ways = reached_[state].ways;
      if (ways.empty()) {  // the start
        note_path();
        chain_.pop_back();
        return true;
      }
      if (way >= ways.size()) {
        chain_.pop_back();
        continue;
      }
      const size_t from = ways[way++].from;
      chain_.push_back({from, 0});
    }
    return false;
  }

  void note_path() {
    for (auto& edges : match_.edges) edges.clear();
    for (auto& ends : match_.ends) ends.clear();
    for (size_t i = chain_.size() - 1; i-- > 0;) {
      const Reached& reached = reached_[chain_[i].first];
      const Way& way = reached.ways[chain_[i].second - 1];
      if (way.edge == kNone) {
        match_.nodes[maker_.moves[reached.state.move - 1].to] = reached.state.node;
      } else {
        match_.edges[maker_.moves[reached.state.move].edge].push_back(way.edge);
        match_.ends[maker_.moves[reached.state.move].edge].push_back(reached.state.node);
      }
    }
  }

  MemoryAccount account_;
  uint32_t start_ = 0;
  std::vector<Reached> reached_;
  std::map<State, size_t> places_;
  std::deque<size_t> queue_;     // of reached_
  std::vector<size_t> targets_;  // of reached_
  size_t next_target_ = 0;
  std::vector<std::pair<size_t, size_t>> chain_;  // a state of reached_, and its next way
};

}  // namespace

Result<std::unique_ptr<NativeOperator>> GraphMatchMaker::make(
    const std::vector<std::unique_ptr<RowInput>>& inputs, OperatorContext& context) const {
  if (shortest == Shortest::No) {
    return std::unique_ptr<NativeOperator>(new MatchSearch(*this, inputs, context));
  }
  return std::unique_ptr<NativeOperator>(new ShortestSearch(*this, inputs, context));
}

}  // namespace spillway::kql
