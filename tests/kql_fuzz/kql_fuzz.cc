// kql_fuzz: makes broken queries out of the tests' good ones and compiles them, or runs them.
//
//   kql_fuzz [--run] [--rounds N | --seconds N] [--seed N] [--show]
//
// A round takes a query of tests/kql/*.kqltest or tests/kql_syntax/*.txt and changes it a few times: a token
// left out, doubled, swapped or taken from another query, a literal replaced by an extreme one, bytes
// altered, a piece nested in parentheses again and again, two queries spliced at a pipe. What comes of it
// doesn't matter, as long as the process lives and answers: a crash ends it by a signal, a round that takes
// longer than kHangSeconds by an alarm. With --show each query is printed before it is tried, so that the
// last one is the culprit.
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include "kql/binder.h"
#include "tests/kql/case_file.h"
#include "tests/kql/world.h"

namespace spillway::kql::test {
namespace {

constexpr unsigned kHangSeconds = 60;
constexpr auto kRunTimeout = std::chrono::seconds(2);
constexpr size_t kMaxText = 20'000;  // mutation doesn't let texts grow beyond this

struct Settings {
  bool run = false;
  bool show = false;
  uint64_t rounds = 0;
  uint64_t seconds = 0;
  uint64_t seed = 1;
};

/// The queries and tables of all the tests' files; tables of the same name: the first one.
struct Corpus {
  CaseFile world;
  std::vector<std::string> queries;
};

void read_kqltests(Corpus& corpus) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(SPILLWAY_SOURCE_DIR "/tests/kql")) {
    if (entry.path().extension() != ".kqltest") continue;
    CaseFile file = read_case_file(entry.path().string());
    for (TableData& table : file.tables) {
      if (std::find(names.begin(), names.end(), table.name) != names.end()) continue;
      names.push_back(table.name);
      corpus.world.tables.push_back(std::move(table));
    }
    for (Case& c : file.cases) corpus.queries.push_back(std::move(c.query));
  }
}

void read_syntax_cases(Corpus& corpus) {
  for (const auto& entry : std::filesystem::directory_iterator(SPILLWAY_SOURCE_DIR "/tests/kql_syntax")) {
    if (entry.path().extension() != ".txt") continue;
    std::ifstream in(entry.path());
    std::string line, query;
    for (bool inside = false; std::getline(in, line);) {
      if (line.starts_with("---")) {
        if (inside) corpus.queries.push_back(query);
        inside = false;
      } else if (line.starts_with("===")) {
        inside = true;
        query.clear();
      } else if (inside) {
        query += line + "\n";
      }
    }
  }
}

/// Words, numbers, quoted texts and single signs; blanks stay with what follows them.
std::vector<std::string> tokens_of(const std::string& text) {
  std::vector<std::string> tokens;
  const auto word = [](char c) { return isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.'; };
  for (size_t i = 0; i < text.size();) {
    const size_t start = i;
    while (i < text.size() && isspace(static_cast<unsigned char>(text[i]))) i++;
    if (i < text.size() && word(text[i])) {
      while (i < text.size() && word(text[i])) i++;
    } else if (i < text.size() && (text[i] == '"' || text[i] == '\'')) {
      const size_t end = text.find(text[i], i + 1);
      i = end == std::string::npos ? text.size() : end + 1;
    } else if (i < text.size()) {
      i++;
    }
    tokens.push_back(text.substr(start, i - start));
  }
  return tokens;
}

std::string text_of(const std::vector<std::string>& tokens) {
  std::string text;
  for (const std::string& token : tokens) text += token;
  return text;
}

class Mutator {
 public:
  Mutator(const Corpus& corpus, uint64_t seed) : corpus_(corpus), random_(seed) {}

  std::string next() {
    std::string text = pick(corpus_.queries);
    for (size_t changes = below(4); changes > 0; changes--) {
      text = change(text);
      if (text.size() > kMaxText) text.resize(kMaxText);
    }
    return text;
  }

 private:
  size_t below(size_t bound) { return bound == 0 ? 0 : random_() % bound; }
  template <typename T>
  const T& pick(const std::vector<T>& from) {
    return from[below(from.size())];
  }

  std::string change(const std::string& text) {
    switch (below(8)) {
      case 0: return change_bytes(text);
      case 1: return nest(text);
      case 2: return splice(text);
      default: return change_tokens(text);
    }
  }

  std::string change_tokens(const std::string& text) {
    static const std::vector<std::string> kExtremes = {" 0",
                                                       " -1",
                                                       " 1",
                                                       " 9223372036854775807",
                                                       " -9223372036854775808",
                                                       " 1e308",
                                                       " real(nan)",
                                                       " real(+inf)",
                                                       " int(null)",
                                                       " long(null)",
                                                       " dynamic(null)",
                                                       " dynamic([])",
                                                       " dynamic({})",
                                                       " \"\"",
                                                       " datetime(null)",
                                                       " datetime(9999-12-31T23:59:59.9999999)",
                                                       " datetime(0001-01-01)",
                                                       " time(null)",
                                                       " 10675199d",
                                                       " guid(null)",
                                                       " decimal(null)",
                                                       " decimal(99999999999999999999)",
                                                       " true",
                                                       " (",
                                                       " )",
                                                       " *",
                                                       " ..",
                                                       " 2147483648",
                                                       " \"\\ud800\"",
                                                       " \"[\"",
                                                       " dynamic([null, 1, \"a\", {\"b\": [2]}])",
                                                       " 1000000000"};
    std::vector<std::string> tokens = tokens_of(text);
    if (tokens.empty()) return pick(kExtremes);
    const size_t at = below(tokens.size());
    const auto place = tokens.begin() + static_cast<std::ptrdiff_t>(at);
    switch (below(6)) {
      case 0: tokens.erase(place); break;
      case 1: tokens.insert(place, tokens[at]); break;
      case 2: std::swap(tokens[at], tokens[below(tokens.size())]); break;
      case 3: {
        const std::vector<std::string> other = tokens_of(pick(corpus_.queries));
        if (!other.empty()) tokens[at] = pick(other);
        break;
      }
      case 4: tokens[at] = pick(kExtremes); break;
      default: tokens.resize(at); break;
    }
    return text_of(tokens);
  }

  std::string change_bytes(std::string text) {
    for (size_t i = below(3) + 1; i > 0 && !text.empty(); i--)
      text[below(text.size())] = static_cast<char>(below(256));
    return text;
  }

  /// A piece of the text within itself, many times over.
  std::string nest(const std::string& text) {
    std::vector<std::string> tokens = tokens_of(text);
    if (tokens.empty()) return text;
    const size_t from = below(tokens.size()), to = std::min(tokens.size(), from + 1 + below(6));
    std::string before, after;
    for (size_t i = below(300); i > 0; i--) {
      before += i % 3 == 0 ? "-(" : i % 3 == 1 ? "(" : "not(";
      after += ")";
    }
    tokens[from] = before + tokens[from];
    tokens[to - 1] += after;
    return text_of(tokens);
  }

  /// The text up to one of its pipes, and another from one of its own on.
  std::string splice(const std::string& text) {
    const std::string& other = pick(corpus_.queries);
    const size_t cut = text.find('|', below(text.size() + 1)),
                 start = other.find('|', below(other.size() + 1));
    return text.substr(0, cut) + (start == std::string::npos ? " | count" : other.substr(start));
  }

  const Corpus& corpus_;
  std::mt19937_64 random_;
};

Settings read_arguments(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i < argc; i++) {
    const std::string flag = argv[i];
    const auto number = [&](uint64_t& value) {
      if (++i < argc) std::from_chars(argv[i], argv[i] + strlen(argv[i]), value);
    };
    if (flag == "--run") settings.run = true;
    if (flag == "--show") settings.show = true;
    if (flag == "--rounds") number(settings.rounds);
    if (flag == "--seconds") number(settings.seconds);
    if (flag == "--seed") number(settings.seed);
  }
  if (settings.rounds == 0 && settings.seconds == 0) settings.rounds = 1000;
  return settings;
}

int fuzz(const Settings& settings) {
  Corpus corpus;
  read_kqltests(corpus);
  read_syntax_cases(corpus);
  World world;
  const Status opened = world.open(corpus.world);
  if (!opened.ok()) {
    std::cerr << opened.error().message << "\n";
    return 1;
  }
  Mutator mutator(corpus, settings.seed);
  engine::RunOptions options;
  options.timeout = kRunTimeout;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(settings.seconds);
  uint64_t round = 0, good = 0;
  std::chrono::nanoseconds slowest{0};
  for (; settings.rounds ? round < settings.rounds : std::chrono::steady_clock::now() < end; round++) {
    const std::string query = mutator.next();
    if (settings.show) std::cout << "---- " << round << "\n" << query << std::endl;
    alarm(kHangSeconds);
    const auto started = std::chrono::steady_clock::now();
    if (settings.run) {
      good += world.run(query, options).ok() ? 1 : 0;
    } else {
      const Result<BoundQuery> bound = compile(query, world.bind_options());
      good += bound.ok() ? 1 : 0;
      for (const BoundResult& result : bound.ok() ? bound->results : std::vector<BoundResult>()) {
        (void)world.engine().sql_of(result.plan);
      }
    }
    slowest = std::max(slowest, std::chrono::nanoseconds(std::chrono::steady_clock::now() - started));
  }
  alarm(0);
  std::cout << round << " rounds of " << corpus.queries.size() << " queries, " << good
            << " of them good; the slowest took "
            << std::chrono::duration_cast<std::chrono::milliseconds>(slowest).count() << " ms\n";
  return 0;
}

}  // namespace
}  // namespace spillway::kql::test

int main(int argc, char** argv) {
  return spillway::kql::test::fuzz(spillway::kql::test::read_arguments(argc, argv));
}
