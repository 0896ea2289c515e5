// SPDX-License-Identifier: MIT
// The diagonal linear network: a sum of products of scalar parameters. It has no data; its batch is one empty sample.
// Source: Wang & Roberts 2025, App. E (one product; E.6 sums; E.7 shared parameters).
#pragma once

#include <cstdint>
#include <vector>

#include "autodiff/batch/objective.h"

namespace brink {

struct Dln {
  int parameters = 2;
  /// Each term is the product of the named parameters. A parameter may occur in several terms, or more than once in a term.
  std::vector<std::vector<int>> terms{{0, 1}};
};

enum class DlnLoss : std::uint8_t {
  half_square,           ///< ½(z − y)²
  binary_cross_entropy,  ///< log(1 + eᶻ) − y·z, y = 0 or 1
};

/// The loss ℓ(z) as an objective over parameters theta0 … [1,1] each. Data: one int32 label [1], used by the cross-entropy only
/// (y = label; elsewhere y = `target`). Outputs `loss`, and `correct`, which is always 0 because nothing is classified.
Objective make_dln_objective(const Dln&, DlnLoss, double target, Dtype);

}  // namespace brink
