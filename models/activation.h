// SPDX-License-Identifier: MIT
// The activations of networks, in one list from which the names in a config and the builders follow.
#pragma once

#include <string_view>

#include "autodiff/primitives/elementwise.h"
#include "autodiff/primitives/gelu.h"
#include "autodiff/primitives/softplus.h"

namespace brink {

/// Its name in a config, and the builder that appends it to a graph.
struct Activation {
  std::string_view name;
  Var (*apply)(Graph&, Var x);
  friend bool operator==(const Activation& a, const Activation& b) { return a.apply == b.apply; }
  /// Entries of the list that code refers to.
  static const Activation relu, tanh;
};

inline constexpr Activation activations[] = {
    {"relu", &brink::relu},
    {"tanh", &brink::tanh},
    {"softplus", &brink::softplus},
    {"gelu", &brink::gelu},
};

/// The activation of that name, or null.
constexpr const Activation* find_activation(std::string_view name) {
  for (const Activation& a : activations)
    if (a.name == name) return &a;
  return nullptr;
}
inline constexpr Activation Activation::relu = *find_activation("relu");
inline constexpr Activation Activation::tanh = *find_activation("tanh");

}  // namespace brink
