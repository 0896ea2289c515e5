// SPDX-License-Identifier: MIT
#include "training/run/config/keys.h"

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include "training/io/text.h"
#include "training/run/config/key_makers.h"

namespace brink::config {

namespace {

constexpr std::int64_t most_samples = 10'000'000;
constexpr const char* fork_table = "fork";

/// How often checkpoints are written: an integer of at least 0, or "auto", which is stored as −1.
Key checkpoint_every() {
  return {
      "run",
      "checkpoint_every",
      [](Config& c, const toml::node& v) -> Problem {
        if (v.value_exact<std::string>() == "auto") return c.run.checkpoint_every = -1, Problem{};
        const auto x = v.value_exact<std::int64_t>();
        if (!x || *x < 0)
          return expected("a number of steps, 0 (only at the end) or \"auto\" (by time, so that they cost little)", v);
        c.run.checkpoint_every = *x;
        return {};
      },
      [](const Config& c) { return c.run.checkpoint_every < 0 ? quote("auto") : number_text(c.run.checkpoint_every); },
      false,
      false};
}

/// Bytes, as an integer or with a unit: "2GiB".
Key memory() {
  return {"run",
          "memory",
          [](Config& c, const toml::node& v) -> Problem {
            constexpr const char* what = "\"auto\", bytes as an integer, or a size such as \"2GiB\" (KiB, MiB, GiB)";
            std::optional<std::int64_t> bytes = v.value_exact<std::int64_t>();
            if (const auto text = v.value_exact<std::string>()) {
              if (*text == "auto") return c.run.memory_bytes = 0, Problem{};
              for (const auto& [unit, shift] : {std::pair{"KiB", 10}, {"MiB", 20}, {"GiB", 30}})
                if (text->size() > 3 && text->ends_with(unit)) {
                  const auto n = parse_number<std::int64_t>(std::string_view(*text).substr(0, text->size() - 3));
                  if (n && *n > 0 && *n <= (most >> shift)) bytes = *n << shift;
                }
            }
            if (!bytes || *bytes < 1) return expected(what, v);
            c.run.memory_bytes = *bytes;
            return {};
          },
          [](const Config& c) { return c.run.memory_bytes == 0 ? quote("auto") : number_text(c.run.memory_bytes); },
          true,
          false};
}

void append_data(std::vector<Key>& out, const Config& c) {
  using Data = Config::Data;
  const auto add = [&](Option o, auto member) { out.push_back(key("data", std::move(o), at(&Config::data, member))); };
  out.push_back(kind_key("data", "name", data_kinds(), at(&Config::data, &Data::set)));
  out.push_back(path("data", "directory", "folder", false, at(&Config::data, &Data::directory)));
  if (c.data.set.kind->sizes) {
    // Of a user's own files, of which all samples are taken in the order of the files unless a number is given.
    for (const auto& [name, member] : {std::pair{"train", &Data::train}, {"test", &Data::test}}) {
      out.push_back(integer_or("data", name, "all", most_samples, at(&Config::data, member)));
      out.back().hashed = true;
    }
  } else {
    add(integer_option("train", 1000, {4, most_samples}, "training samples, shared equally by the classes"),
        &Data::train);
    add(integer_option("test", 1000, {4, most_samples}, "test samples, shared equally by the classes"), &Data::test);
    add(integer_option("seed", 0, {}, "seed of the choice and the order of the samples"), &Data::seed);
  }
  append_options(out, "data", c.data.set.options.declared(), [](Config& x) -> Options& { return x.data.set.options; });
}

/// The changes as an inline list of tables; empty if there are none.
std::string print_changes(const Config& c) {
  std::string out;
  for (const auto& change : c.training.changes) {
    out += out.empty() ? "[{ " : ", { ";
    out += change->at_step ? "at_step = " + number_text(*change->at_step)
                           : "at_accuracy = " + real_text(*change->at_accuracy);
    out += ", set = { ";
    const char* join = "";
    for (const auto& [key, value] : change->set) out += std::exchange(join, ", ") + key + " = " + value;
    out += " } }";
  }
  return out.empty() ? out : out + "]";
}

void append_training(std::vector<Key>& out, const Config& c) {
  using Training = Config::Training;
  const auto add = [&](Option o, auto member) {
    out.push_back(key("training", std::move(o), at(&Config::training, member)));
  };
  out.push_back(kind_key("training", "rule", rule_kinds(), at(&Config::training, &Training::rule)));
  add(real_option("learning_rate", 0.1, {.above = 0}, "η"), &Training::learning_rate);
  out.push_back(kind_key("training", "schedule", schedule_kinds(), at(&Config::training, &Training::schedule)));
  add(integer_option("warmup", 0, {0, 1'000'000'000}, "updates of the linear warm-up; 0: none"), &Training::warmup);
  add(integer_option("steps", 400, {0, 1'000'000'000}, "updates"), &Training::steps);
  out.push_back(choice<Loss>("training", "loss", {{"cross_entropy", Loss::cross_entropy}, {"mse", Loss::mse}},
                             at(&Config::training, &Training::loss)));
  if (has_data(c))
    add(integer_option("batch", 0, {0, most_samples}, "samples of a minibatch; 0: all training samples"),
        &Training::batch);
  add(integer_option("seed", 0, {}, "seed of the parameters at step 0 and of the order of minibatches"),
      &Training::seed);
  add(real_option("divergence_loss", std::numeric_limits<double>::infinity(), {.above = 0, .infinite = true},
                  "a larger loss ends the run as diverged"),
      &Training::divergence_loss);
  Key project = choice<ProjectionMode>(
      "training", "project",
      {{"off", ProjectionMode::off}, {"remove", ProjectionMode::remove}, {"keep", ProjectionMode::keep}},
      at(&Config::training, &Training::project));
  project.chooses = true;
  out.push_back(std::move(project));
  if (c.training.project != ProjectionMode::off)
    add(integer_option("project_most", ProjectionOptions{}.most, {1, 50},
                       "largest number of unstable eigenvectors of a projected update"),
        &Training::project_most);
  const auto training = [](auto member) { return at(&Config::training, member); };
  Key complete = optional_key("training",
                              real_option("complete_accuracy", 1, {.above = 0, .most = 1},
                                          "training accuracy that ends the run; absent: none does"),
                              training(&Training::complete_accuracy));
  complete.chooses = true;
  out.push_back(std::move(complete));
  if (c.training.complete_accuracy)
    add(integer_option("complete_evaluations", 2, {1, 1'000'000},
                       "consecutive evaluations with that accuracy that end the run"),
        &Training::complete_evaluations);
  Key compensate = optional_key(
      "training",
      real_option("compensate", 0.1, {.above = 0}, "η_ref: a smaller learning rate takes steps·η_ref/η steps"),
      training(&Training::compensate));
  compensate.print = [](const Config&) {
    return std::string();
  };  // the resolved config has the steps that follow from it
  out.push_back(std::move(compensate));
  // Its tables are read after all other settings (changes.h).
  out.push_back({"training", "change", [](Config&, const toml::node&) { return Problem{}; }, print_changes});
  append_options(out, "training", c.training.rule.options.declared(),
                 [](Config& x) -> Options& { return x.training.rule.options; });
  append_options(out, "training", c.training.schedule.options.declared(),
                 [](Config& x) -> Options& { return x.training.schedule.options; });
}

void append_events_and_run(std::vector<Key>& out) {
  using Events = Config::Events;
  using Run = Config::Run;
  out.push_back(key("events", integer_option("merge_gap", 2, {}, "non-positive steps that an instability may contain"),
                    at(&Config::events, &Events::merge_gap)));
  out.push_back(key("events",
                    integer_option("minimum_length", 8, {1, most}, "smallest number of steps of a long instability"),
                    at(&Config::events, &Events::minimum_length)));
  out.push_back(without_hash(
      choice<Where>("run", "device", {{"cpu", Where::cpu}, {"cuda", Where::cuda}}, at(&Config::run, &Run::device))));
  out.push_back(choice<Dtype>("run", "precision", {{"float32", Dtype::f32}, {"float64", Dtype::f64}},
                              at(&Config::run, &Run::precision)));
  out.push_back(integer_or("run", "threads", "all", 1024, at(&Config::run, &Run::threads)));
  out.push_back(integer_or("run", "chunk", "auto", most, at(&Config::run, &Run::chunk)));
  out.push_back(memory());
  out.push_back(choice<Arithmetic>("run", "arithmetic", {{"exact", Arithmetic::exact}, {"vendor", Arithmetic::vendor}},
                                   at(&Config::run, &Run::arithmetic)));
  out.push_back(checkpoint_every());
  out.push_back(without_hash(
      key("run", integers_option("keep_checkpoints", {}, {0, most}, 0, 1000, "steps whose checkpoints are kept"),
          at(&Config::run, &Run::keep_checkpoints))));
}

/// A text of [fork]; `hashed` unless it decides no number.
Key fork_text(const char* name, bool hashed, std::string Config::Fork::*member) {
  return {fork_table,
          name,
          [=](Config& c, const toml::node& v) -> Problem {
            const auto x = v.value_exact<std::string>();
            if (!x || x->empty()) return expected("a text, as brink fork writes it", v);
            (*c.fork).*member = *x;
            return {};
          },
          [=](const Config& c) { return quote((*c.fork).*member); },
          true,
          hashed};
}

void append_fork(std::vector<Key>& out) {
  using Fork = Config::Fork;
  out.push_back(fork_text("parent", false, &Fork::parent));
  out.push_back(fork_text("parent_hash", true, &Fork::parent_hash));
  out.push_back(key(
      fork_table, integer_option("at_step", 0, {0, 1'000'000'000}, "the first step of the fork"),
      [](Config & c) -> auto& { return c.fork->at_step; }));
  out.push_back(fork_text("digest", true, &Fork::digest));
}

const MeasurementKind* measurement_of(std::string_view table) {
  if (!table.starts_with(measure_table)) return nullptr;
  const MeasurementKind* kind = find_kind(measurement_kinds(), table.substr(std::string_view(measure_table).size()));
  return kind && !kind->always ? kind : nullptr;
}

}  // namespace

std::vector<Key> keys_of(const Config& c) {
  std::vector<Key> out;
  if (has_data(c)) append_data(out, c);
  out.push_back(kind_key(
      "model", "name", network_kinds(), [](Config & x) -> auto& { return x.model; }));
  append_options(out, "model", c.model.options.declared(), [](Config& x) -> Options& { return x.model.options; });
  if (has_data(c))
    out.push_back(path(
        "model", "start_file", "file", true, [](Config & x) -> auto& { return x.start_file; }));
  append_training(out, c);
  append_measure(out, c);
  append_events_and_run(out);
  if (c.fork) append_fork(out);
  return out;
}

const std::vector<std::string>& tables() {
  static const std::vector<std::string> all = [] {
    std::vector<std::string> out{"data", "model", "training", "measure"};
    for (const MeasurementKind& k : measurement_kinds())
      if (!k.always) out.push_back(measure_table + std::string(k.name));
    out.insert(out.end(), {"events", "run", fork_table});
    return out;
  }();
  return all;
}

const std::vector<std::string>& all_paths() {
  static const std::vector<std::string> all = [] {
    std::vector<std::string> out;
    const auto add = [&](const Config& c) {
      for (const Key& k : keys_of(c))
        if (std::ranges::find(out, k.path()) == out.end()) out.push_back(k.path());
    };
    Config c;
    for (const std::string& table : tables()) turn_on(c, table);
    c.training.complete_accuracy = 1;
    c.measure.track_above = 1;
    add(c);
    for (const DataKind& k : data_kinds()) c.data.set = k, add(c);
    for (const RuleKind& k : rule_kinds()) c.training.rule = k, add(c);
    c.training.project = ProjectionMode::remove, add(c);
    for (const ScheduleKind& k : schedule_kinds()) c.training.schedule = k, add(c);
    for (const NetworkKind& k : network_kinds()) c.model = k, add(c);
    return out;
  }();
  return all;
}

std::string reason_without(const Config& c, std::string_view path) {
  if (path == "measure.top_most") return "a run without measure.track_above";
  if (path == "training.project_most") return "training.project = \"off\"";
  if (path.starts_with("training.") && (path != "training.batch" || has_data(c))) {
    const std::string_view name = path.substr(path.find('.') + 1);
    if (name == "complete_evaluations") return "a run without training.complete_accuracy";
    for (const ScheduleKind& k : schedule_kinds())
      if (Options(k.options).has(name)) return "training.schedule = " + quote(c.training.schedule.kind->name);
    return "training.rule = " + quote(c.training.rule.kind->name);
  }
  if (path.starts_with("data.") && has_data(c)) return "data.name = " + quote(c.data.set.kind->name);
  return "model.name = " + quote(c.model.kind->name);
}

void turn_on(Config& c, std::string_view table) {
  if (table == fork_table && !c.fork) c.fork = Config::Fork{};
  const MeasurementKind* kind = measurement_of(table);
  auto& more = c.measure.more;
  if (!kind || std::ranges::any_of(more, [&](const auto& m) { return m.kind == kind; })) return;
  // In the order of the list, so that the same settings make the same file in whatever order they were given.
  more.insert(std::ranges::upper_bound(more, kind, {}, [](const auto& m) { return m.kind; }), *kind);
}

}  // namespace brink::config
