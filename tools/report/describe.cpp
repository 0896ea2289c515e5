// SPDX-License-Identifier: MIT
#include "tools/report/describe.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <string_view>

#include "tools/report/text.h"

namespace brink::report {
namespace {

std::string joined(std::initializer_list<std::string> parts, std::string_view separator = ", ") {
  std::string out;
  for (const auto& part : parts) {
    if (!part.empty()) out += (out.empty() ? "" : std::string(separator)) + part;
  }
  return out;
}

std::string labelled(std::string_view before, const std::string& value, std::string_view after = "") {
  return value.empty() ? "" : std::string(before) + value + std::string(after);
}

/// A VGG by the number of its layers: three convolutions a block and the dense one.
std::string network_name(const Settings& s) {
  const std::string channels = s.text("model.channels");
  std::string model = s.text("model.name");
  if (model != "vgg" || channels.empty()) return model;
  const auto blocks = std::ranges::count(channels, '-') + 1;
  return "VGG" + std::to_string(3 * blocks + 1) + " (" + channels + ")";
}

std::string short_group(const Settings& s) {
  const std::string rule = s.text("model.short_group");
  return rule == "keep" ? "a short last one kept" : rule == "join" ? "a short last one joined to the one before" : "";
}

std::string subscript(int i) {
  static constexpr std::array<std::string_view, 10> digits{"₀", "₁", "₂", "₃", "₄", "₅", "₆", "₇", "₈", "₉"};
  std::string out;
  for (char c : std::to_string(i)) out += digits[static_cast<std::size_t>(c - '0')];
  return out;
}

/// "the 3 largest and the smallest, at every step, to a relative residual of 0.001"
std::string eigenvalues_in_words(const Run& run) {
  if (!run.top_asked || !run.bottom_asked) return {};
  const auto count = [](double n, std::string_view which) {
    return n == 0 ? "" : "the " + (n == 1 ? "" : concise(n) + " ") + std::string(which);
  };
  const std::string which = joined({count(*run.top_asked, "largest"), count(*run.bottom_asked, "smallest")}, " and ");
  if (which.empty()) return "none measured (measure.top = 0, measure.bottom = 0)";
  return joined({which, interval_of(run), "to a relative residual of " + concise(run.tolerance),
                 labelled("with at most ", run.settings.text("measure.budget"), " Hessian products a step")});
}

/// "every 10th step"; empty if it is not recorded.
std::string every_text(const std::optional<double>& every, std::string_view of = "step") {
  return every && *every >= 1 && *every < 1e15 ? every_nth(static_cast<std::int64_t>(*every), of) : std::string();
}

std::string data_in_words(const Run& run) {
  const Settings& s = run.settings;
  if (!run.has_data_set)
    return s.text("model.name").empty() ? "" : "none: the loss is a function of the parameters alone";
  const bool tested = s.text("data.name") != "arrays" || !s.text("data.test_file").empty();
  return joined({s.text("data.name"), s.text("data.train_file"),
                 labelled("", s.text("data.train"), " training samples"),
                 tested ? labelled("", s.text("data.test"), " test samples") : "no test samples",
                 labelled("seed ", s.text("data.seed"))});
}

/// "momentum 0.9": keys of a table of which no sentence here knows.
std::string other_keys(const Settings& s, std::string_view table, std::initializer_list<std::string_view> known) {
  std::string out;
  for (const auto& [key, setting] : s.by_key) {
    if (!key.starts_with(table) || setting.text.empty()) continue;
    const std::string name = key.substr(table.size());
    if (name.find('.') == std::string::npos && std::ranges::find(known, name) == known.end())
      out += labelled(out.empty() ? "" : ", ", name, " " + setting.text);
  }
  return out;
}

/// "update_cosine at every 5th step": measurements that have a table of their own, whose `every` counts rows.
std::string optional_measurements(const Run& run) {
  const Settings& s = run.settings;
  std::string out;
  constexpr std::string_view before = "measure.", after = ".every";
  for (const auto& [key, setting] : s.by_key) {
    if (!key.starts_with(before) || !key.ends_with(after) || key.size() <= before.size() + after.size()) continue;
    const std::string name = key.substr(before.size(), key.size() - before.size() - after.size());
    const std::string when = s.text(std::string(before) + name + ".when");
    out += (out.empty() ? "" : ", ") + name +
           (when == "instability" ? " within instabilities"
            : when == "event"     ? " where an instability begins or is over"
                                  : "") +
           labelled(" at ", run.row_every && setting.number ? every_text(*setting.number * *run.row_every)
                                                            : every_text(setting.number, "row"));
  }
  return out;
}

}  // namespace

std::string title_of(const Run& run) {
  const std::string data = run.has_data_set ? run.settings.text("data.name") : "",
                    model = run.settings.text("model.name");
  const std::string what = data.empty() && model.empty() ? run.name : joined({model, data}, " on ");
  return what + (run.evaluation_hessian ? ", Hessian in evaluation mode (for comparison)" : "");
}

std::string heading_of(const Run& run) {
  return title_of(run) + (run.learning_rate ? " at η\u00a0=\u00a0" + concise(*run.learning_rate) : "");
}

std::vector<std::pair<std::string, std::string>> settings_in_words(const Run& run) {
  const Settings& s = run.settings;
  std::vector<std::pair<std::string, std::string>> out;
  const auto add = [&](const char* label, std::string value) {
    if (!value.empty()) out.emplace_back(label, std::move(value));
  };
  add("Data", data_in_words(run));
  add("Network",
      joined({network_name(s), labelled("hidden ", s.text("model.hidden")), s.text("model.activation"),
              labelled("filters ", s.text("model.filters")), labelled("dense ", s.text("model.dense")),
              labelled("widths ", s.text("model.widths")), labelled("ghost groups of ", s.text("model.ghost_batch")),
              short_group(s), labelled("", s.text("model.init"), " initialisation"),
              labelled("start ", s.text("model.start")), labelled("target ", s.text("model.target")),
              other_keys(s, "model.",
                         {"name", "hidden", "activation", "channels", "filters", "dense", "widths", "ghost_batch",
                          "short_group", "init", "start", "target", "norm_mode"}),
              labelled("", run.account.parameters, " parameters")}));
  add("Training", joined({s.text("training.rule"), labelled("loss ", s.text("training.loss")),
                          labelled("", s.text("training.steps"), " steps"),
                          other_keys(s, "training.",
                                     {"rule", "loss", "steps", "seed", "learning_rate", "schedule", "warmup", "change",
                                      "divergence_loss"}),
                          labelled("seed ", run.has_data_set ? s.text("training.seed") : "")}));
  if (run.forked_at) add("Fork", "of " + s.text("fork.parent") + " at step " + concise(*run.forked_at));
  add("Hessian of", run.hessian_of);
  add("Also measured", optional_measurements(run));
  add("Eigenvalues", eigenvalues_in_words(run));
  if (run.learning_rate) {
    const auto edge = run.step.empty() ? std::nullopt : run.threshold(0);
    const std::string schedule = s.text("training.schedule"), warmup = s.text("training.warmup");
    add("Step size", "η = " + concise(*run.learning_rate) +
                         labelled(", " + run.threshold_name() + " = ", edge ? readable(*edge, 4) : "",
                                  run.columns.contains("threshold") ? " at step 0" : "") +
                         labelled(", schedule ", schedule == "constant" ? "" : schedule) +
                         labelled(", warm-up over ", warmup == "0" ? "" : warmup, " updates") +
                         (s.by_key.contains("training.change") ? ", with changes during the run" : ""));
  }
  add("Arithmetic", joined({s.text("run.precision"), s.text("run.arithmetic"), s.text("run.device")}));
  add("Data source", joined({run.account.data_provenance, labelled("training set ", run.account.train_checksum),
                             labelled("test set ", run.account.test_checksum)}));
  add("brink", run.account.version);
  return out;
}

std::string threshold_name(std::span<const Run> runs) {
  std::string out;
  for (const Run& run : runs) {
    const std::string name = run.threshold_name();
    if (!out.empty() && name != out) return "the threshold";
    out = name;
  }
  return out;
}

Certified certified_share(const Run& run, int index) {
  Certified out;
  for (std::size_t row = 0; row < run.step.size(); ++row) {
    if (const auto lambda = run.eigenvalue(index, row)) {
      ++out.measured;
      out.certified += lambda->certified;
    }
  }
  return out;
}

std::string lambda_name(int index) { return index == 0 ? "λₙ" : "λ" + subscript(index); }

std::string why_unmeasured(const Run& run, int index) {
  if (certified_share(run, index).measured > 0) return {};
  const auto& asked = index == 0 ? run.bottom_asked : run.top_asked;
  if (asked && *asked < (index == 0 ? 1 : index))
    return lambda_name(index) + " was not measured (measure." + (index == 0 ? "bottom" : "top") + " = " +
           concise(*asked) + ")";
  return lambda_name(index) + " is not recorded";
}

std::string interval_of(const Run& run) { return labelled("at ", every_text(run.every)); }

std::string measurement_sentence(const Run& run) {
  if (const std::string why = why_unmeasured(run, 1); !why.empty()) return why + ".";
  const Certified share = certified_share(run, 1);
  const std::string often =
      joined({"λ₁ was measured", interval_of(run)}, " ") + " (" + counted(share.measured, "time", "times") + "). ";
  if (share.uncertified() == 0) return often + "Every value of it is certified.";
  return often + "It is not certified at " + counted(share.uncertified(), "step", "steps") +
         ": there the true value may be larger or smaller by more than the tolerance. ○ marks what rests on such a "
         "value.";
}

}  // namespace brink::report
