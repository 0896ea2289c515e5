// SPDX-License-Identifier: MIT
#include "models/kind.h"

#include <stdexcept>

namespace brink {

namespace {
constexpr std::string_view ghost_batch = "ghost_batch", short_group = "short_group", norm_mode = "norm_mode",
                           init = "init";
constexpr double norm_epsilon = 1e-5;
}  // namespace

bool is_normalised(const Chosen<NetworkKind>& network) { return network.options.has(ghost_batch); }

std::int64_t group_of(const Chosen<NetworkKind>& network) {
  return is_normalised(network) ? network.options.integer(ghost_batch) : network.kind->group;
}

bool joins_short_group(const Chosen<NetworkKind>& network) {
  return is_normalised(network) && network.options.text(short_group) == "join";
}

NormMode norm_mode_of(const Chosen<NetworkKind>& network) {
  return is_normalised(network) && network.options.text(norm_mode) == "evaluation" ? NormMode::evaluation
                                                                                   : NormMode::training;
}

Init init_of(const Chosen<NetworkKind>& network) {
  return network.options.has(init) && network.options.text(init) == "he" ? Init::he : Init::lecun;
}

Model make_model(const Chosen<NetworkKind>& network, const Shape& picture, std::int64_t classes) {
  if (!network.kind->build)
    throw std::logic_error("make_model: " + std::string(network.kind->name) + " takes no pictures");
  Model m = network.kind->build(network.options, picture, classes);
  if (m.norms.empty() == is_normalised(network))
    throw std::logic_error("make_model: " + std::string(network.kind->name) +
                           " normalises without ghost options, or has them and does not normalise");
  m.set_groups(group_of(network), joins_short_group(network), is_normalised(network) ? norm_epsilon : 0);
  return m;
}

Option init_option() {
  return choice_option(init, "lecun", {"lecun", "he"}, "weights at step 0: N(0, 1/fan_in) or N(0, 2/fan_in)");
}

std::vector<Option> with_ghost_options(std::vector<Option> options) {
  constexpr std::int64_t most_samples = 10'000'000;
  options.push_back(integer_option(ghost_batch, 32, {1, most_samples}, "samples in a ghost group"));
  options.push_back(choice_option(short_group, "keep", {"keep", "join"},
                                  "a last group that is shorter is kept, or joined to the one before it"));
  options.push_back(
      choice_option(norm_mode, "training", {"training", "evaluation"},
                    "mode of the loss whose Hessian is measured; what is minimised is always in training mode"));
  return options;
}

Option widths_option(std::string_view name, std::vector<std::int64_t> standard, std::size_t fewest, std::size_t most,
                     std::string meaning) {
  return integers_option(name, std::move(standard), {1, 65536}, fewest, most, std::move(meaning));
}

}  // namespace brink
