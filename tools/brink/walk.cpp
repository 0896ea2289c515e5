// SPDX-License-Identifier: MIT
// `brink walk`: its options, and the files that it writes. The work is in tools/walk.
#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "tools/brink/command.h"
#include "tools/brink/values.h"
#include "tools/walk/branches.h"
#include "tools/walk/walk.h"
#include "training/available_memory.h"
#include "training/errors.h"
#include "training/io/file.h"
#include "training/io/readable.h"
#include "training/io/safetensors.h"
#include "training/io/text.h"

namespace brink {

namespace {

struct Arguments {
  walk::Options walk;
  walk::Coupling coupling;
  std::vector<std::string> starts;
  std::string out;
  int branches = 0, threads = 0;
  bool coupled = false;
};

/// MEAN, MEAN:DEVIATION or MEAN:DEVIATION:WEIGHT.
walk::Part part_of(const std::string& text) {
  walk::Part part;
  double* const fields[] = {&part.mean, &part.deviation, &part.weight};
  std::size_t begin = 0, field = 0;
  for (; begin <= text.size() && field < std::size(fields); ++field) {
    const std::size_t end = std::min(text.find(':', begin), text.size());
    const auto x = parse_number<double>(std::string_view(text).substr(begin, end - begin));
    if (!x || !std::isfinite(*x) || (field == 1 && *x < 0) || (field == 2 && *x <= 0)) break;
    *fields[field] = *x;
    begin = end + 1;
  }
  if (begin <= text.size())
    throw UsageError("--start " + text +
                     ": expected MEAN, MEAN:DEVIATION or MEAN:DEVIATION:WEIGHT with a deviation of at least 0 and a "
                     "weight above 0, such as 1:0.25");
  return part;
}

using Facts = std::vector<std::pair<std::string, std::string>>;

/// What decides the results, by name.
Facts facts_of(const walk::Options& o, int branches) {
  std::string start;
  for (const walk::Part& p : o.start)
    start +=
        (start.empty() ? "" : " ") + number_text(p.mean) + ":" + number_text(p.deviation) + ":" + number_text(p.weight);
  Facts out{{"start", start},
            {"floor", number_text(o.h.floor)},
            {"height", number_text(o.h.height)},
            {"slope", number_text(o.h.slope)}};
  if (branches > 0) {
    out.emplace_back("branches", number_text(branches));
    return out;
  }
  for (const auto& [name, value] :
       {std::pair{"paths", o.paths}, {"steps", o.steps}, {"every", o.every}, {"kept", o.kept}})
    out.emplace_back(name, number_text(value));
  out.emplace_back("bins", number_text(o.bins));
  out.emplace_back("seed", number_text(o.seed));
  if (o.coupling) {
    out.emplace_back("gain", number_text(o.coupling->gain));
    out.emplace_back("boundary", number_text(o.coupling->boundary));
    out.emplace_back("noise", number_text(o.coupling->noise));
  }
  return out;
}

/// Opens the folder and writes the settings into it. One with the same settings is written again; one with others is refused.
Folder folder_for(const std::string& path, const Facts& facts) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error)
    throw IoError(path + ": expected a folder that can be made, found: " + error.message() + "; choose another --out");
  Folder folder(path);
  constexpr const char* name = "settings.txt";
  std::string text = "brink walk\n";
  for (const auto& [key, value] : facts) text += key + " = " + value + "\n";
  if (folder.contains(name)) {
    constexpr std::size_t largest_bytes = 1 << 20;
    const auto bytes = read_file(folder.path_of(name), largest_bytes);
    if (std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()) != text)
      throw InUseError(folder.path_of(name) + ": the folder has results of other settings; choose another --out");
  } else {
    folder.write_file(name, text);
  }
  return folder;
}

/// A row of a table; NaN is an empty cell.
class TableRow {
 public:
  TableRow& operator<<(double x) {
    begin();
    if (!std::isnan(x)) append_number(text_, x);
    return *this;
  }
  TableRow& operator<<(std::int64_t x) {
    begin();
    append_number(text_, x);
    return *this;
  }
  std::string line() const { return text_ + '\n'; }

 private:
  void begin() {
    if (!first_) text_ += ',';
    first_ = false;
  }
  std::string text_;
  bool first_ = true;
};

std::string table_of(const walk::Options& o, const std::vector<walk::Snapshot>& snapshots) {
  std::string out = "step,mean,variance,skewness,lowest,highest,below_start,absorbed";
  for (const double level : o.levels) out += ",quantile_" + number_text(level);
  out += '\n';
  const auto n = static_cast<double>(o.paths);
  for (const walk::Snapshot& s : snapshots) {
    TableRow row;
    row << s.step << s.mean << s.variance << s.skewness << s.lowest << s.highest
        << static_cast<double>(s.below_start) / n << static_cast<double>(s.absorbed) / n;
    for (const double q : s.quantiles) row << q;
    out += row.line();
  }
  return out;
}

void write_tensors(const Folder& folder, const walk::Options& o, const std::vector<walk::Snapshot>& snapshots) {
  std::vector<double> steps, range, counts, kept;
  for (const walk::Snapshot& s : snapshots) {
    steps.push_back(static_cast<double>(s.step));
    range.insert(range.end(), {s.lowest, s.highest});
    for (const std::int64_t c : s.counts) counts.push_back(static_cast<double>(c));
    kept.insert(kept.end(), s.kept.begin(), s.kept.end());
  }
  const auto rows = static_cast<std::int64_t>(snapshots.size());
  std::vector<NamedView> tensors{{"step", view_of(steps.data(), {rows})},
                                 {"range", view_of(range.data(), {rows, 2})},
                                 {"counts", view_of(counts.data(), {rows, o.bins})}};
  if (!kept.empty())
    tensors.push_back({"paths", view_of(kept.data(), {rows, static_cast<std::int64_t>(kept.size()) / rows})});
  write_safetensors(folder, "walk.safetensors", tensors, facts_of(o, 0));
}

/// Throws DeviceError if the walk would not fit into memory.
void expect_memory(const walk::Options& o) {
  const std::int64_t needed = walk::memory_bytes(o), available = available_memory_bytes();
  if (needed > available)
    throw DeviceError(
        fmt::format("the walk needs {} of memory, and {} are available; choose fewer --paths, --bins or --keep, or a "
                    "larger --every",
                    readable_bytes(needed), readable_bytes(available)));
}

void run_paths(const walk::Options& o, int threads, const Folder& folder, Console& out) {
  ThreadPool pool(threads);
  Device device{Where::cpu, &pool};
  const std::vector<walk::Snapshot> snapshots = walk::simulate(o, device);
  write_tensors(folder, o, snapshots);
  folder.write_file("walk.csv", table_of(o, snapshots));
  const walk::Snapshot& last = snapshots.back();
  out.line(fmt::format(
      "{}, {}: mean {}, variance {}, {} of the paths below their start{}", counted(o.paths, "path"),
      counted(o.steps, "step"), readable(last.mean), readable(last.variance),
      readable(static_cast<double>(last.below_start) / static_cast<double>(o.paths), 4),
      o.coupling
          ? fmt::format(", {} absorbed", readable(static_cast<double>(last.absorbed) / static_cast<double>(o.paths), 4))
          : ""));
}

void append_ends(std::string& header, const std::string& name) {
  for (const char* column : {"sequences", "below", "above", "undecided", "highest"})
    header += "," + name + "_" + column;
}
TableRow& operator<<(TableRow& row, const walk::Ends& e) {
  constexpr double none = std::numeric_limits<double>::quiet_NaN();
  return row << e.sequences << e.below << e.above << e.undecided << (e.sequences > 0 ? e.highest : none);
}

/// Returns whether no sequence ends above its start although a lemma says otherwise.
bool run_branches(const walk::Options& o, int length, const Folder& folder, Console& out) {
  std::string table = "start,length,below,undecided";
  append_ends(table, "zero_sum");
  append_ends(table, "negative_sum");
  table += ",lowest,highest,rounding,drop,median,pathwise\n";
  std::int64_t checked = 0, above = 0, undecided = 0;
  for (const walk::Part& part : o.start) {
    for (const walk::Branches& b : walk::follow_branches(o.h, part.mean, length)) {
      TableRow row;
      row << b.start << std::int64_t{b.length} << b.below << b.undecided << b.zero_sum << b.negative_sum << b.lowest
          << b.highest << b.rounding << b.drop << b.median << b.pathwise;
      table += row.line();
      for (const walk::Ends* e : {&b.zero_sum, &b.negative_sum})
        checked += e->sequences, above += e->above, undecided += e->undecided;
    }
  }
  folder.write_file("branches.csv", table);
  out.line(
      fmt::format("{} of sum 0 or less, up to length {}: {} end below their start, {} above it, {} are undecided "
                  "because of rounding",
                  counted(checked, "sequence"), length, checked - above - undecided, above, undecided));
  return above == 0;
}

ExitCode run_walk(const Arguments& a) {
  announce_arithmetic();
  Console& out = standard_output();
  walk::Options o = a.walk;
  if (a.coupled) o.coupling = a.coupling;
  if (!a.starts.empty()) o.start.clear();
  for (const std::string& text : a.starts) {
    o.start.push_back(part_of(text));
    if (a.branches > 0 && o.start.back().deviation != 0)
      throw UsageError("--start " + text + ": with --branches expected a point, found a deviation");
  }
  if (a.branches == 0) expect_memory(o);
  const Folder folder = folder_for(a.out, facts_of(o, a.branches));
  if (a.branches > 0) return run_branches(o, a.branches, folder, out) ? ExitCode::done : ExitCode::check_failed;
  run_paths(o, a.threads > 0 ? a.threads : available_threads(), folder, out);
  return ExitCode::done;
}

}  // namespace

void add_walk(CLI::App& app, ExitCode& code) {
  auto a = std::make_shared<Arguments>();
  walk::Options& o = a->walk;
  CLI::App* sub = app.add_subcommand(
      "walk", "Many paths of the random walk X ± h(X), a model of higher-order curvature in instabilities");
  const auto number = [&](const char* name, auto& x, const char* help, const char* type = "REAL") {
    return sub->add_option(name, x, help)->type_name(type)->capture_default_str();
  };
  sub->add_option("--out", a->out, "The folder of the results")->type_name("DIR")->required()->check(not_empty);
  number("--paths", o.paths, "Number of paths; each takes 16 bytes of memory", "N")
      ->check(integer("a number of paths", 1, 1'000'000'000));
  number("--steps", o.steps, "Number of steps", "T")->check(integer("a number of steps", 0, 1'000'000));
  number("--every", o.every, "Steps between two rows of the results", "N")
      ->check(integer("a number of steps", 1, 1'000'000));
  number("--seed", o.seed, "Seed of all random numbers", "N")->check(integer("a seed", 0));
  number("--floor", o.h.floor, "h(x) = floor + height/(1 + e^(-slope x))")->check(real(Reals::not_negative));
  number("--height", o.h.height, "see --floor")->check(real(Reals::not_negative));
  number("--slope", o.h.slope, "see --floor; with a negative one h falls, which the theorems exclude")
      ->check(real(Reals::any));
  sub->add_option(
         "--start", a->starts,
         "A part of the distribution of X at step 0: a point, or a normal distribution; repeatable (default: 1)")
      ->type_name("MEAN[:DEVIATION[:WEIGHT]]")
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false);
  CLI::Option* coupled = sub->add_flag("--coupled", a->coupled,
                                       "h of the surplus s = gain·(X − boundary) + noise·ζ; a path with s ≤ 0 stops");
  number("--gain", a->coupling.gain, "see --coupled")->check(real(Reals::not_negative))->needs(coupled);
  number("--boundary", a->coupling.boundary, "see --coupled")->check(real(Reals::any))->needs(coupled);
  number("--noise", a->coupling.noise, "see --coupled")->check(real(Reals::not_negative))->needs(coupled);
  number("--bins", o.bins, "Bins of the histogram of each row", "N")->check(integer("a number of bins", 1, 65536));
  number("--keep", o.kept, "Paths that are written as they are, the first ones", "N")
      ->check(integer("a number of paths", 0, 65536));
  sub->add_option("--threads", a->threads, "Number of threads (default: all)")
      ->type_name("N")
      ->check(integer("a number of threads", 1, 1024));
  sub->add_option("--branches", a->branches,
                  "Instead of random paths: all sequences of signs up to this length, at most " +
                      number_text(walk::longest_sequence) + ", from each --start")
      ->type_name("LENGTH")
      ->check(integer("a length", 1, walk::longest_sequence))
      ->excludes(coupled);
  sub->footer(
      "Writes DIR/walk.csv (moments and quantiles) and DIR/walk.safetensors (histograms and the first paths), or with\n"
      "--branches DIR/branches.csv, the same bytes on any number of threads. docs/walk.md explains both.\n"
      "Exit code 1: a sequence with as many + as − or fewer ends above its start.");
  sub->callback([a, &code] { code = run_walk(*a); });
}

}  // namespace brink
