// SPDX-License-Identifier: MIT
// The list of networks that models/meson.build names: the name of each, the keys it owns, and how it is built.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "models/initialise.h"
#include "models/model.h"
#include "models/options.h"

namespace brink {

/// A network without pictures: its objective over one sample with one label, and its parameters at step 0, in layout order.
struct DatalessNetwork {
  Objective objective;
  std::int32_t label = 0;
  std::vector<double> start;
};

struct NetworkKind {
  std::string_view name;
  std::string_view structure;          ///< one line for the documentation
  std::vector<Option> options = {};    ///< keys of [model] that this network has
  std::int64_t group = default_group;  ///< samples per group of the sums over samples, if no layer normalises
  bool takes_vectors = false;          ///< whether samples may be vectors [D] instead of pictures
  /// Throws std::invalid_argument where the network does not fit the picture. Null for a network without data.
  Model (*build)(const Options&, const Shape& picture, std::int64_t classes) = nullptr;
  DatalessNetwork (*dataless)(const Options&, Loss, Dtype) = nullptr;
  std::optional<OptionConflict> (*conflict)(const Options&, Loss) = nullptr;
  /// Common names of members of this family, and the keys that make them: {"vgg10", "model.channels = [8, 16, 32]"}.
  std::vector<std::pair<std::string_view, std::string_view>> known_as = {};
};

/// The first is the default.
std::span<const NetworkKind> network_kinds();

/// Whether a layer of the network normalises, by ghost groups.
bool is_normalised(const Chosen<NetworkKind>&);
/// Samples per group of the sums over samples: the ghost group of a normalised network. Only this function decides it.
std::int64_t group_of(const Chosen<NetworkKind>&);
/// Whether a short last group joins the one before it.
bool joins_short_group(const Chosen<NetworkKind>&);
NormMode norm_mode_of(const Chosen<NetworkKind>&);
Init init_of(const Chosen<NetworkKind>&);

/// The network for pictures [H,W,C]. Throws std::invalid_argument where it does not fit them, std::logic_error for one without data.
Model make_model(const Chosen<NetworkKind>&, const Shape& picture, std::int64_t classes);

/// The keys that networks share.
Option init_option();
std::vector<Option> with_ghost_options(std::vector<Option>);
Option widths_option(std::string_view name, std::vector<std::int64_t> standard, std::size_t fewest, std::size_t most,
                     std::string meaning);

}  // namespace brink
