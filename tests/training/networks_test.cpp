// SPDX-License-Identifier: MIT
// Convolutional networks from a config: what is refused and how, and the files of a run whose Hessian is that of the loss in
// evaluation mode.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "models/convolutional.h"
#include "tests/support/networks.h"
#include "training/errors.h"
#include "training/events.h"
#include "training/loop.h"
#include "training/run/config.h"
#include "training/run/problem.h"
#include "training/run/records.h"

using namespace brink;

namespace {

std::string refusal(const std::vector<std::string>& sets) {
  try {
    Device device;
    make_problem(device, load_config({{}, sets, {}}));
    return "accepted";
  } catch (const UsageError& e) { return e.what(); }
}
bool said(const std::vector<std::string>& sets, const char* what) {
  return refusal(sets).find(what) != std::string::npos;
}

}  // namespace

TEST_CASE("networks that cannot be: names the field knows, groups without variance, groups beyond all samples") {
  CHECK(said({"model.name=vgg10"}, "got the string \"vgg10\"; \"vgg10\" is \"vgg\" with model.channels = [8, 16, 32]"));
  CHECK(said({"model.name=vgg19"},
             "got the string \"vgg19\"; \"vgg19\" is \"vgg\" with model.channels = [16, 32, 64, 128, 128, 128]"));
  CHECK(refusal({"model.name=vgg11"}).ends_with("got the string \"vgg11\""));
  const std::vector<std::string> small{"data.name=synthetic-cifar", "data.train=20", "data.test=10", "model.name=vgg"};
  const auto with = [&](std::initializer_list<std::string> more) {
    std::vector<std::string> all = small;
    all.insert(all.end(), more);
    return all;
  };
  CHECK(refusal(with({})) == "accepted");
  CHECK(refusal(with({"model.channels=[2,2,2,2,2]"})) == "accepted");
  // Six blocks end on one pixel; 20 samples in groups of 19 leave one.
  const std::vector<std::string> lonely = with({"model.channels=[2,2,2,2,2,2]", "model.ghost_batch=19"});
  CHECK(refusal(lonely) ==
        "model.ghost_batch = 19: the last group of the 20 training samples has 1 sample, and block5.conv0 normalises 1 "
        "pixel of it: expected at least 2 values for each channel; choose another ghost_batch, or short_group = "
        "\"join\"");
  CHECK(refusal(with({"model.channels=[2,2,2,2,2,2]", "model.ghost_batch=19", "model.short_group=join"})) ==
        "accepted");
  CHECK(refusal(with({"model.ghost_batch=10000000"})) == "accepted");
  for (const char* beyond : {"10000001", "9223372036854775807"})
    CHECK(said(with({std::string("model.ghost_batch=") + beyond}), "expected an integer from 1 to 10000000"));
}

TEST_CASE("evaluation mode is named in a last column of both files, training mode in none") {
  const support::Network n({.samples = 8, .dtype = Dtype::f32}, vgg({6, 6, 2}, {4, 5}, 3, {.batch = 3}));
  const auto header_and_row = [&](bool evaluation) {
    Device device;
    TrainerOptions options;
    options.tracker = TrackerOptions{.top = 2, .bottom = 0, .budget = 20, .max_basis = 24};
    options.evaluation = EvaluationMode{n.model, n.options.loss, evaluation};
    Trainer trainer(device, n.objective, n.data(), {}, options, n.theta.view());
    std::string row;
    append_row(row, trainer.observe());
    return std::pair(metrics_header(trainer.row()), row);
  };
  const auto [header, plain] = header_and_row(false);
  const auto [named, marked] = header_and_row(true);
  CHECK(named == header.substr(0, header.size() - 1) + ",hessian_of\n");
  CHECK(marked.ends_with(",evaluation\n"));
  CHECK_FALSE(plain.ends_with(",evaluation\n"));
  const std::string events = events_header(), event = events_row(Instability{});
  CHECK(events_header(true) == events.substr(0, events.size() - 1) + ",hessian_of\n");
  CHECK(events_row(Instability{}, true) == event.substr(0, event.size() - 1) + ",evaluation\n");
}

TEST_CASE("run.json says whose Hessian was measured, and nothing where none was") {
  const auto hessian_of = [](const char* name, const char* mode, std::int64_t top, std::int64_t bottom) {
    Config c;
    c.model = *find_kind(network_kinds(), name);
    if (is_normalised(c.model)) c.model.options.set("norm_mode", std::string(mode));
    c.measure.top = top;
    c.measure.bottom = bottom;
    return nlohmann::json::parse(run_json(c, {})).value("hessian_of", std::string());
  };
  CHECK(hessian_of("vgg", "training", 1, 0).starts_with("the loss in training mode"));
  CHECK(hessian_of("vgg", "evaluation", 0, 1).starts_with("the loss in evaluation mode"));
  CHECK(hessian_of("vgg", "evaluation", 0, 0).empty());
  CHECK(hessian_of("resnet20", "training", 0, 0).empty());
  CHECK(hessian_of("mlp", "training", 1, 1).empty());
}
